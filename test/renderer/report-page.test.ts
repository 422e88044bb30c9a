/** The page of a report in the frame of its view: it takes orders, and lays out its sheets below who writes. */
import { expect, it } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { reportOf } from '../mocks/link.ts';

it('leaves a person in the field where she writes while the sheets are laid out anew', async () => {
  const data = { ...reportOf([1]), notes: '' };
  document.body.innerHTML = '<style id="report-page"></style><div id="report"></div>';
  const embedded = document.createElement('script');
  embedded.type = 'application/json';
  embedded.id = 'report-data';
  embedded.textContent = JSON.stringify(data);
  document.body.append(embedded);
  await import('../../src-renderer/report/main.ts');

  // as the view would, whose words come to it from the frame
  const order = (look: object) =>
    window.dispatchEvent(
      new MessageEvent('message', {
        source: window.parent,
        data: { 'hugginggreen-report': { look, grey: false, theme: 'light' } },
      }),
    );
  order({ sections: data.sections });
  const title = page.getByRole('textbox', { name: 'Title of the report' });
  const notes = page.getByRole('textbox', { name: 'A paragraph of your own' });
  await title.click();
  await userEvent.keyboard('{Control>}a{/Control}For the board{Tab}');
  await expect.element(notes).toHaveFocus();
  await userEvent.keyboard('Twice');
  order({ sections: data.sections, title: 'For the board' });
  await expect.element(title).toHaveTextContent('For the board');
  await expect.element(notes).toHaveFocus();
  await userEvent.keyboard(' as good');
  await expect.element(notes).toHaveTextContent('Twice as good');
});

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { userEvent } from 'vitest/browser';
import App from '../../src-renderer/App.svelte';
import { actions } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import { keepFocus } from '../../src-renderer/lib/shell/keep-focus.ts';
import { isTyped, parseKeys } from '../../src-renderer/lib/shell/keys.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { mockLink, stories } from '../mocks/link.ts';

beforeEach(() => {
  location.hash = '#/machine';
  localStorage.clear();
});
afterEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

async function open(link = mockLink()) {
  const session = new Session(createApi(link));
  const screen = await render(App, { session });
  await expect.element(screen.getByRole('heading', { level: 1 })).toBeVisible();
  return { link, session, screen };
}

describe('the table of actions', () => {
  it('gives no key and no id to two actions', () => {
    const keys = actions.flatMap(({ keys }) => keys ?? []);
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(actions.map(({ id }) => id)).size).toBe(actions.length);
  });

  it('tells combinations apart', () => {
    const typed = (key: string, rest: Partial<KeyboardEvent> = {}) => ({
      key,
      ctrlKey: false,
      metaKey: false,
      shiftKey: false,
      altKey: false,
      ...rest,
    });
    expect(parseKeys('Mod+Shift+P')).toEqual({ key: 'P', mod: true, shift: true, alt: false });
    expect(isTyped('Mod+K', typed('k', { ctrlKey: true }))).toBe(true);
    expect(isTyped('Mod+K', typed('k'))).toBe(false);
    expect(isTyped('Mod+K', typed('k', { ctrlKey: true, altKey: true }))).toBe(false);
    // a question mark needs Shift on most keyboards, and none on some
    expect(isTyped('?', typed('?', { shiftKey: true }))).toBe(true);
    expect(isTyped('?', typed('?'))).toBe(true);
    expect(isTyped('M', typed('m', { shiftKey: true }))).toBe(false);
  });
});

describe('the palette', () => {
  it('takes an action by a few letters', async () => {
    const { screen } = await open();
    await userEvent.keyboard('{Control>}k{/Control}');
    const box = screen.getByRole('dialog');
    await expect.element(box).toBeVisible();
    await userEvent.keyboard('prefer');
    await userEvent.keyboard('{Enter}');
    await expect.poll(() => location.hash).toBe('#/settings');
    await expect.element(box).not.toBeInTheDocument();
  });

  it('is empty whenever it opens', async () => {
    const { screen } = await open();
    await userEvent.keyboard('{Control>}k{/Control}');
    await expect.element(screen.getByRole('dialog')).toBeVisible();
    await userEvent.keyboard('prefer{Escape}');
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument();
    await userEvent.keyboard('{Control>}k{/Control}');
    await expect.element(screen.getByPlaceholder('Action or run …')).toHaveValue('');
  });

  it('opens what a run’s page can export, and only there', async () => {
    const { screen, session } = await open();
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.keyboard('export the run');
    await expect.element(screen.getByText('Nothing is called that.')).toBeVisible();
    await userEvent.keyboard('{Escape}');
    location.hash = `#/run/${session.runs!.find(({ status }) => status === 'done')!.id}`;
    await expect.element(screen.getByRole('button', { name: 'Export' })).toBeVisible();
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.keyboard('export the run{Enter}');
    await expect.element(screen.getByRole('button', { name: 'CSV of the metrics' })).toBeVisible();
  });

  it('finds a run by its name', async () => {
    const { screen, session } = await open();
    const run = session.runs!.at(-1)!;
    await screen.getByRole('button', { name: 'Search' }).click();
    await userEvent.keyboard(run.name);
    await screen.getByRole('option', { name: new RegExp(run.name) }).click();
    await expect.poll(() => location.hash).toBe(`#/run/${run.id}`);
  });

  it('has what is called so before what is only meant, and runs that were started together', async () => {
    const [first] = stories();
    const { config } = first!;
    const named = { ...first!, config: config && { ...config, name: 'short trial' } };
    const { screen } = await open(mockLink({ runs: [named] }));
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.keyboard('short');
    const options = () =>
      screen
        .getByRole('option')
        .elements()
        .map((one) => one.textContent.trim());
    await expect.poll(() => options()[0]).toContain('short trial');
    expect(options().some((text) => text.startsWith('Keys'))).toBe(true);
    await screen.unmount();

    const place = { group: 4, id: 'sweep', title: 'rates', arm: 'a', armTitle: 'a', baseline: null, repeat: 1, warmUp: false }; // prettier-ignore
    const { screen: again } = await open(mockLink({ runs: [{ ...first!, place }] }));
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.keyboard('sweep rates');
    await again.getByRole('option', { name: 'Sweep: rates' }).click();
    await expect.poll(() => location.hash).toBe('#/matrix/4');
  });

  it('says when nothing is called that, and offers no stop where nothing runs', async () => {
    const { screen } = await open(mockLink({ runs: [] }));
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.keyboard('stop the active');
    await expect.element(screen.getByText('Nothing is called that.')).toBeVisible();
  });
});

describe('keys', () => {
  it('shows the sheet, and closes it', async () => {
    const { screen } = await open();
    await userEvent.keyboard('?');
    await expect.element(screen.getByRole('dialog', { name: 'Keys' })).toBeVisible();
    await userEvent.keyboard('{Escape}');
    await expect.element(screen.getByRole('dialog')).not.toBeInTheDocument();
  });

  it('leads to what can be searched in a view, and nowhere where nothing can', async () => {
    const { screen, session } = await open();
    await userEvent.keyboard('/');
    expect(document.activeElement).toBe(document.body);
    await userEvent.keyboard('{Control>}k{/Control}');
    await userEvent.keyboard('search in this view');
    await expect.element(screen.getByText('Nothing is called that.')).toBeVisible();
    await userEvent.keyboard('{Escape}');
    const run = session.runs!.find(({ status }) => status === 'done')!;
    for (const [hash, label] of [
      // the drawer is closed at first
      [`#/run/${run.id}`, 'Search the log'],
      ['#/runs', 'Search the runs'],
    ] as const) {
      location.hash = hash;
      await expect
        .poll(async () => {
          await userEvent.keyboard('/');
          return document.activeElement?.getAttribute('aria-label');
        })
        .toBe(label);
    }
    location.hash = '#/new';
    await screen.getByRole('button', { name: 'Sweep of what stands in the form' }).click();
    await expect.element(screen.getByLabelText('Add a field')).toBeVisible();
    (document.activeElement as HTMLElement).blur();
    await userEvent.keyboard('/');
    await expect.element(screen.getByLabelText('Add a field')).toHaveFocus();
  });

  it('finds a preset where there are many', async () => {
    const [preset] = await createApi(mockLink()).call('experiments.presets', {});
    const presets = Array.from({ length: 8 }, (_, i) => ({ ...preset!, id: `preset ${i}` }));
    location.hash = '#/new';
    const { screen } = await open(mockLink({ replace: { 'experiments.presets': () => presets } }));
    await expect.element(screen.getByLabelText('Find a preset')).toBeVisible();
    await userEvent.keyboard('/');
    await expect.element(screen.getByLabelText('Find a preset')).toHaveFocus();
  });

  it('an action of the native menu arrives', async () => {
    const { link } = await open();
    link.emit('action', { id: 'go.about' });
    await expect.poll(() => location.hash).toBe('#/about');
  });
});

describe('a comparison', () => {
  it('is there again after a look at another view, and after a reload, while its runs are', async () => {
    location.hash = '#/compare?ids=2,1';
    const { screen, link, session } = await open();
    const rail = screen.getByRole('navigation', { name: 'Views' });
    await expect
      .element(rail.getByRole('link', { name: /^Compare \(2\s+runs\s*\)/ }))
      .toBeVisible();
    (document.activeElement as HTMLElement).blur();
    await userEvent.keyboard('4');
    await expect.element(screen.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
    await userEvent.keyboard('5');
    await expect.poll(() => location.hash).toBe('#/compare?ids=2,1');
    expect(new Session(createApi(mockLink())).compared).toEqual([2, 1]);
    // chosen anew, from nothing
    await screen.getByRole('link', { name: 'Choose runs' }).click();
    await expect.element(screen.getByRole('checkbox', { checked: true }).first()).toBeVisible();
    await screen.getByRole('button', { name: 'Begin anew' }).click();
    await expect.element(screen.getByRole('checkbox', { checked: true })).not.toBeInTheDocument();
    link.emit('run.removed', { ids: [2] });
    await expect.poll(() => session.compared).toEqual([]);
    await expect
      .element(rail.getByRole('link', { name: /^Compare/ }))
      .toHaveAttribute('href', '#/compare');
  });
});

describe('a notice', () => {
  it('takes the place of an earlier one about the same, and leaves by itself', async () => {
    const { link, session } = await open();
    vi.useFakeTimers();
    try {
      const tell = (message: string, about: string) =>
        link.emit('notice', { level: 'info', message, hint: null, about });
      tell('Run 1: no better in 10 evaluations', 'plateau 1');
      tell('Run 2: no better in 10 evaluations', 'plateau 2');
      tell('Run 1: no better in 20 evaluations', 'plateau 1');
      expect(session.notices.map(({ message }) => message)).toEqual([
        'Run 2: no better in 10 evaluations',
        'Run 1: no better in 20 evaluations',
      ]);
      await vi.advanceTimersByTimeAsync(7000);
      expect(session.notices).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the tour', () => {
  it('comes by itself on a first start, once', async () => {
    const { screen } = await open(mockLink({ runs: [] }));
    await expect.element(screen.getByRole('region', { name: 'Tour, step 1 of 3' })).toBeVisible();
    await screen.getByRole('button', { name: 'Next' }).click();
    await screen.getByRole('button', { name: 'Next' }).click();
    await screen.getByRole('button', { name: 'Close' }).click();
    await expect.element(screen.getByRole('region', { name: /^Tour/ })).not.toBeInTheDocument();
    screen.unmount();
    const again = await open(mockLink({ runs: [] }));
    await expect
      .element(again.screen.getByRole('region', { name: /^Tour/ }))
      .not.toBeInTheDocument();
  });

  it('does not come where there are runs', async () => {
    const { screen } = await open();
    await expect.element(screen.getByRole('region', { name: /^Tour/ })).not.toBeInTheDocument();
  });
});

describe('about', () => {
  it('names versions, data and packages', async () => {
    location.hash = '#/about';
    const { screen } = await open();
    await expect.element(screen.getByText('24.21.0')).toBeVisible();
    await expect
      .element(screen.getByText('Ember and Energy Institute', { exact: false }))
      .toBeVisible();
    await expect.element(screen.getByRole('cell', { name: 'chart.js' })).toBeVisible();
  });
});

describe('the focus when a button takes its entry away', () => {
  const page = document.createElement('div');
  beforeEach(() => {
    page.innerHTML =
      '<section><h1>Things</h1><ul>' +
      ['a', 'b', 'c']
        .map((name) => `<li><a href="#${name}">${name}</a><button>Remove ${name}</button></li>`)
        .join('') +
      '</ul><button>More</button></section>';
    document.body.append(page);
    const end = keepFocus(page);
    return () => {
      end();
      page.remove();
    };
  });
  const button = (name: string) =>
    [...page.querySelectorAll('button')].find(({ textContent }) => textContent === name)!;
  const focused = () => document.activeElement?.textContent;
  /** As the host answers: some time after the click. */
  async function takeAway(name: string) {
    await userEvent.click(button(`Remove ${name}`));
    await new Promise((resolve) => setTimeout(resolve, 30));
    button(`Remove ${name}`).parentElement!.remove();
    await new Promise((resolve) => setTimeout(resolve));
  }

  it('goes to the entry that comes in its place, to the one before, and to what else there is', async () => {
    await takeAway('b');
    expect(focused()).toBe('Remove c');
    await takeAway('c');
    expect(focused()).toBe('Remove a');
    await takeAway('a');
    expect(focused()).toBe('More');
  });

  it('stays where a person has put it meanwhile, and away from a page that is another', async () => {
    await userEvent.click(button('Remove a'));
    button('More').focus();
    page.querySelector('li')!.remove();
    await new Promise((resolve) => setTimeout(resolve));
    expect(focused()).toBe('More');
    await userEvent.click(button('Remove b'));
    page.innerHTML = '<button>Another page</button>';
    await new Promise((resolve) => setTimeout(resolve));
    expect(document.activeElement).toBe(document.body);
  });
});

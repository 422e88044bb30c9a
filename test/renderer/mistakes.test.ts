import { describe, expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent, type Locator } from 'vitest/browser';
import { AppError, type Handlers } from '../../src-main/contract.ts';
import { createApi } from '../../src-renderer/api.ts';
import ConfusionGrid from '../../src-renderer/lib/mistakes/ConfusionGrid.svelte';
import { Images } from '../../src-renderer/lib/images/images.svelte.ts';
import Mistakes from '../../src-renderer/lib/mistakes/Mistakes.svelte';
import { ordinal, sentence } from '../../src-renderer/lib/mistakes/words.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import SameImages from '../../src-renderer/views/compare/SameImages.svelte';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { completeConfig, mockLink, plainConfig, stories } from '../mocks/link.ts';
import { pageOfMock, predictionsOf } from '../mocks/predictions.ts';

const boxConfig = completeConfig({
  ...plainConfig,
  train: { ...plainConfig.train, task: 'detect' },
});
const [story] = stories();
const runs = [
  { ...story!, id: 1, config: plainConfig, topF1: 0.8 },
  { ...story!, id: 2, config: { ...plainConfig, name: 'Half the patches' }, topF1: 0.65 },
  { ...story!, id: 3, config: boxConfig, topF1: 0.9 },
  { ...story!, id: 4, config: { ...boxConfig, name: 'Boxes, again' }, topF1: 0.7 },
  { ...story!, id: 5, config: plainConfig, status: 'failed' as const, done: 0.5 },
];
const sessionWith = (replace: Partial<Handlers> = {}) =>
  new Session(createApi(mockLink({ runs, replace })));

async function gallery(id: number, replace: Partial<Handlers> = {}) {
  await page.viewport(1280, 900);
  const session = sessionWith(replace);
  const detail = await session.api.call('runs.get', { id });
  const screen = render(Mistakes, { session, detail });
  return { ...(await screen), detail };
}
/** As it is read: the markup's line breaks are spaces. */
const textOf = ({ container }: { container: Element }) =>
  container.textContent.replace(/\s+/g, ' ');
/** As it is read out. */
const nameOf = (tile: Locator): string =>
  tile.element().querySelector('.hidden-text')?.textContent ?? '';
const tiles = (screen: Awaited<ReturnType<typeof gallery>>) =>
  screen.getByRole('list', { name: 'Images' }).getByRole('button').all();
const missing: Partial<Handlers> = {
  'datasets.samples': () =>
    Promise.reject(new AppError('DATASET', 'CIFAR-10 is not on this computer.', 'Download it.')),
};

describe('where a run is wrong', () => {
  it('shows the surest mistakes first, in pictures and words', async () => {
    const screen = await gallery(1);
    await expect
      .poll(() => textOf(screen))
      .toMatch(
        /Where it is wrong \d+ of 1,000 test images \(\d+\.\d %\) are taken for another class/,
      );
    await expect.poll(() => tiles(screen).length).toBe(24);
    const names = tiles(screen).map((tile) => nameOf(tile));
    const sure = names.map((name) => Number(/, (\d+) % sure/.exec(name)![1]));
    expect(sure).toEqual(sure.toSorted((a, b) => b - a));
    for (const name of names) expect(name).toMatch(/^Image \d+: \w+ taken for \w+, \d+ % sure, \w+ \d+ %$/); // prettier-ignore
    await expect.poll(() => document.querySelectorAll('canvas').length).toBe(24);
    await screen.getByLabelText('Order').selectOptions('Least sure first');
    await expect
      .poll(() => Number(/, (\d+) % sure/.exec(nameOf(tiles(screen)[0]!))![1]))
      .toBeLessThan(sure.at(-1)!);
  });

  it('goes through all of them, a page at a time', async () => {
    const screen = await gallery(1);
    const wrong = predictionsOf({ id: 1, name: '', epoch: 1, accuracy: 0.8, boxes: false, classes: Array<string>(10).fill('x') }).filter((one) => one.truth !== one.predicted).length; // prettier-ignore
    await expect.element(screen.getByText(`1 to 24 of ${wrong}`)).toBeVisible();
    await screen.getByRole('button', { name: 'Next images' }).click();
    await expect.element(screen.getByText(`25 to 48 of ${wrong}`)).toBeVisible();
    for (let at = 48; at < wrong; at += 24)
      await screen.getByRole('button', { name: 'Next images' }).click();
    await expect.element(screen.getByRole('button', { name: 'Next images' })).toBeDisabled();
    // another question begins at its first page
    await screen.getByRole('button', { name: 'Right', exact: true }).click();
    await expect.element(screen.getByText(`1 to 24 of ${1000 - wrong}`)).toBeVisible();
  });

  it('goes back to the last page where another evaluation has fewer, and keeps what it has without a host', async () => {
    let [fewer, gone] = [false, false];
    const screen = await gallery(1, {
      'runs.predictions': (query) => {
        if (gone) throw new AppError('UNAVAILABLE', 'The connection to the program was lost.');
        return pageOfMock({ id: 1, name: '', epoch: 12, accuracy: fewer ? 0.95 : 0.5, boxes: false, classes: ['a', 'b'] }, query); // prettier-ignore
      },
    });
    await screen.getByRole('button', { name: 'Next images' }).click();
    await expect.element(screen.getByText(/^25 to/)).toBeVisible();
    fewer = true;
    const again = { ...screen.detail, evaluations: screen.detail.evaluations.slice(1) };
    await screen.rerender({ detail: again });
    await expect.element(screen.getByText(/^1 to (\d+) of \1$/)).toBeVisible();
    expect(tiles(screen).length).toBeGreaterThan(0);
    gone = true;
    await screen.getByRole('button', { name: 'Right', exact: true }).click();
    await expect.element(screen.getByText('The connection to the program was lost.')).toBeVisible();
    gone = false;
    await screen.getByRole('button', { name: 'Wrong', exact: true }).click();
    await expect
      .element(screen.getByText('The connection to the program was lost.'))
      .not.toBeInTheDocument();
  });

  it('keeps no more images than a person looks through', async () => {
    const session = sessionWith();
    const { config } = await session.api.call('runs.get', { id: 1 });
    const images = new Images();
    const part = (from: number, n = 60) => Array.from({ length: n }, (_, i) => from + i);
    const asked = vi.spyOn(session.api, 'call');
    for (let from = 0; from < 600; from += 60) await images.want(session, config!, 'test', part(from)); // prettier-ignore
    const known = (index: number) => images.isOther(index, 'none of them');
    expect(part(0, 600).filter(known)).toEqual(part(360, 240));
    expect(asked).toHaveBeenCalledTimes(10);
    await images.want(session, config!, 'test', part(0, 24));
    expect(part(0, 24).every(known)).toBe(true);
  });

  it('asks once more where a run that begins broke the answer off, and then says so', async () => {
    const session = sessionWith();
    const { config } = await session.api.call('runs.get', { id: 1 });
    const call = session.api.call.bind(session.api);
    let broken = 0;
    vi.spyOn(session.api, 'call').mockImplementation(((name: 'datasets.samples', input: never) =>
      name === 'datasets.samples' && broken-- > 0
        ? Promise.reject(new AppError('CANCELLED', 'The preview was broken off.'))
        : call(name, input)) as typeof session.api.call);
    const images = new Images();
    broken = 1;
    await images.want(session, config!, 'test', [0, 1]);
    expect([images.problem, images.at(0)?.index]).toEqual([null, 0]);
    broken = 2;
    await images.want(session, config!, 'test', [2]);
    expect(images.problem?.message).toBe('The preview was broken off.');
  });

  it('is chosen by a cell of the confusion matrix, and by the fields beside it', async () => {
    const screen = await gallery(1);
    const cell = screen.getByRole('button', { name: /^disc taken for ring: / });
    await cell.click();
    await expect.element(cell).toHaveAttribute('aria-pressed', 'true');
    await expect.element(screen.getByLabelText('True class')).toHaveValue('0');
    await expect.element(screen.getByLabelText('Predicted class')).toHaveValue('1');
    await expect
      .poll(() => tiles(screen).every((tile) => /disc taken for ring/.test(nameOf(tile))))
      .toBe(true);
    // once more takes it back
    await cell.click();
    await expect.element(screen.getByLabelText('True class')).toHaveValue('');
    await screen.getByLabelText('True class').selectOptions('star');
    await expect
      .poll(() => tiles(screen).every((tile) => /: star taken for/.test(nameOf(tile))))
      .toBe(true);
  });

  it('is reached by keyboard: one stop in the matrix, one in the images, arrows within', async () => {
    const screen = await gallery(1);
    await expect.poll(() => tiles(screen).length).toBe(24);
    const stops = (box: Element) => box.querySelectorAll('button[tabindex="0"]').length;
    const matrix = screen.getByRole('table', { name: /Confusion matrix/ }).element();
    const list = () => screen.getByRole('list', { name: 'Images' }).element();
    expect([stops(matrix), stops(list())]).toEqual([1, 1]);
    matrix.querySelector<HTMLElement>('button[tabindex="0"]')!.focus();
    await userEvent.keyboard('{ArrowDown}{ArrowRight}{ArrowRight}');
    expect(document.activeElement?.ariaLabel).toMatch(/^ring taken for square: /);
    await userEvent.keyboard('{Enter}');
    await expect.element(screen.getByLabelText('Predicted class')).toHaveValue('2');
    await userEvent.keyboard('{Enter}');
    await expect.poll(() => tiles(screen).length).toBe(24);

    (tiles(screen)[0]!.element() as HTMLElement).focus();
    await userEvent.keyboard('{ArrowRight}{ArrowDown}');
    const perRow = getComputedStyle(list()).gridTemplateColumns.split(' ').length;
    expect(document.activeElement).toBe(tiles(screen)[1 + perRow]!.element());
    await userEvent.keyboard('{Enter}');
    await expect.element(screen.getByText('the true class came 2nd')).toBeVisible();
    expect(stops(list())).toBe(1);
  });

  it('shows the boxes, the true one solid and the predicted dashed, and judges by them', async () => {
    const screen = await gallery(3);
    await expect.poll(() => document.querySelectorAll('.tile canvas').length).toBe(24);
    const [first] = tiles(screen);
    const drawn = [...first!.element().querySelectorAll('rect')].map(
      (rect) => [rect.getAttribute('class')!.split(' ')[0], getComputedStyle(rect).strokeDasharray] as const, // prettier-ignore
    );
    expect(drawn.map(([kind]) => kind)).toEqual(['under', 'true', 'under', 'predicted']);
    expect(drawn[1]![1]).toBe('none');
    expect(drawn[3]![1]).toMatch(/5px, 4px/);
    expect(first!.element().textContent).toMatch(/IoU 0\.\d\d/);
    await screen.getByRole('button', { name: 'Box', exact: true }).click();
    await expect.poll(() => textOf(screen)).toContain('have a box with an IoU below 0.5');
    await screen.getByLabelText('Order').selectOptions('Worst box first');
    const ious = () => tiles(screen).map((tile) => Number(/IoU (\d\.\d\d)/.exec(tile.element().textContent)![1])); // prettier-ignore
    await expect
      .poll(() =>
        ious()
          .toSorted((a, b) => a - b)
          .join(),
      )
      .toBe(ious().join());
    expect(Math.max(...ious())).toBeLessThan(0.5);
  });

  it('keeps the labels where the dataset is not here, and says why there are no images', async () => {
    const screen = await gallery(1, missing);
    await expect
      .element(screen.getByRole('note'))
      .toHaveTextContent(
        'The images are not shown: CIFAR-10 is not on this computer. Download it.',
      );
    expect(tiles(screen)).toHaveLength(24);
    expect(tiles(screen)[0]!.element().textContent).toContain('→');
    expect(document.querySelectorAll('.tile canvas')).toHaveLength(0);
  });

  it('shows no images that are not those which the run saw', async () => {
    const host = createApi(mockLink({ runs }));
    const screen = await gallery(1, {
      'datasets.samples': async (input) => {
        const samples = await host.call('datasets.samples', input);
        return {
          ...samples,
          images: samples.images.map((image) => ({ ...image, label: 'other' })),
        };
      },
    });
    await expect
      .element(screen.getByText(/are not those that the run was asked about: they are not shown/))
      .toBeVisible();
    expect(document.querySelectorAll('.tile canvas')).toHaveLength(0);
  });

  it('says in words why a run has none', async () => {
    const screen = await gallery(5);
    await expect
      .element(
        screen.getByText(
          'There is nothing to look at image by image: it is of a version that kept no single predictions.',
        ),
      )
      .toBeVisible();
  });

  it('asks for each image once', async () => {
    const asked: number[] = [];
    const host = createApi(mockLink({ runs }));
    const screen = await gallery(1, {
      'datasets.samples': (input) => {
        asked.push(...input.indices);
        return host.call('datasets.samples', input);
      },
    });
    await expect.poll(() => asked.length).toBe(24);
    await screen.getByRole('button', { name: 'Next images' }).click();
    await expect.poll(() => asked.length).toBe(48);
    await screen.getByRole('button', { name: 'Previous images' }).click();
    await expect.element(screen.getByText(/^1 to 24/)).toBeVisible();
    expect(new Set(asked).size).toBe(asked.length);
  });

  it('tells which evaluation it is about', async () => {
    const asked: unknown[] = [];
    const screen = await gallery(1, {
      'runs.predictions': (query) => {
        asked.push([query.split, query.step]);
        return pageOfMock({ id: 1, name: '', epoch: 12, accuracy: 0.9, boxes: false, classes: ['a', 'b'] }, query); // prettier-ignore
      },
    });
    await screen.getByLabelText('Evaluation').selectOptions('Validation, best, last, epoch 12');
    await expect.poll(() => textOf(screen)).toContain('of 1,000 validation images');
    expect(asked).toEqual([
      [undefined, undefined],
      ['validation', 384],
    ]);
  });
});

it('a matrix of many classes is a picture that is clicked', async () => {
  const classes = Array.from({ length: 25 }, (_, i) => `class ${i}`);
  const counts = classes.map((_, i) => classes.map((_, j) => (i === j ? 9 : 1)));
  const chosen: unknown[] = [];
  const screen = render(ConfusionGrid, { classes, counts, chosen: null, onchoose: (cell: unknown) => chosen.push(cell) }); // prettier-ignore
  const picture = (await screen).getByRole('img', { name: /Confusion matrix of 25 classes/ });
  // 300 px: 12 a class
  await picture.click({ position: { x: 12 * 7 + 6, y: 12 * 3 + 6 } });
  expect(chosen).toEqual([{ truth: 3, predicted: 7 }]);
});

it('a matrix of many classes is also a table of every cell with an image, the most frequent first', async () => {
  const classes = Array.from({ length: 25 }, (_, i) => `class ${i}`);
  const counts = classes.map((_, i) => classes.map((_, j) => (i === j ? 9 : i === 3 && j === 7 ? 27 : j < 6 ? 1 : 0))); // prettier-ignore
  const chosen: unknown[] = [];
  const screen = await render(ConfusionGrid, { classes, counts, chosen: null, onchoose: (cell: unknown) => chosen.push(cell) }); // prettier-ignore
  await screen.getByText('As a table').click();
  const rows = () => [...screen.container.querySelectorAll('tbody tr')].map((row) => [...row.children].map(({ textContent }) => textContent.trim()).join(' ')); // prettier-ignore
  // 27 of the 41 images of class 3
  expect(rows()[0]).toBe('class 3 class 7 27 66 %');
  expect(rows()[1]).toMatch(/^class \d+ recognised 9 /);
  const all = counts.flat().filter((images) => images > 0).length;
  expect(rows()).toHaveLength(100);
  await expect.element(screen.getByText(`100 of ${all} cells`, { exact: false })).toBeVisible();
  await screen.getByRole('button', { name: `${all - 100} more` }).click();
  expect(rows()).toHaveLength(all);
  await screen.getByRole('button', { name: '27', exact: true }).click();
  expect(chosen).toEqual([{ truth: 3, predicted: 7 }]);
});

it('a prediction is told in words', () => {
  const one = { truth: 0, predicted: 1, confidence: 0.62, trueProbability: 0.2, rank: 2, box: null, iou: null }; // prettier-ignore
  expect(sentence(one, ['disc', 'ring'])).toBe('disc taken for ring, 62 % sure, disc 20 %');
  expect(sentence({ ...one, predicted: 0, confidence: null }, ['disc'])).toBe('disc, recognised, – sure'); // prettier-ignore
  expect(sentence({ ...one, box: [0, 0, 1, 1], iou: 0.301 }, [])).toMatch(/^class 0 taken for class 1.*IoU 0\.30$/); // prettier-ignore
  expect([1, 2, 3, 4, 11, 12, 21, 102, 113].map(ordinal).join(' ')).toBe('1st 2nd 3rd 4th 11th 12th 21st 102nd 113th'); // prettier-ignore
});

describe('the same images of several runs', () => {
  const beside = async (ids: number[], replace: Partial<Handlers> = {}) => {
    await page.viewport(1280, 900);
    const configs = new Map(runs.map(({ id, config }) => [id, config]));
    return render(SameImages, { session: sessionWith(replace), ids, configs, stamp: '' });
  };
  const images = (screen: Awaited<ReturnType<typeof beside>>) => [
    ...screen.container.querySelectorAll('.images > li'),
  ];

  it('say who is right where they differ, with a sentence to quote', async () => {
    const screen = await beside([1, 2]);
    await expect
      .element(
        screen.getByText(
          /^Of the same 1,000 test images, Example: plain ViT alone is right about \d+ and Half the patches alone about \d+: more than chance would explain \(McNemar’s exact test, p < 0\.001\)\.$/,
        ),
      )
      .toBeVisible();
    await expect.poll(() => images(screen).length).toBe(24);
    for (const image of images(screen)) {
      const verdicts = [...image.querySelectorAll('.verdicts li')].map(({ textContent }) => textContent); // prettier-ignore
      expect(verdicts).toHaveLength(2);
      expect(verdicts.filter((text) => text.includes('right,'))).toHaveLength(1);
      expect(verdicts[0]).toContain('Example: plain ViT:');
    }
  });

  it('are those of a cell of the table', async () => {
    const screen = await beside([1, 2]);
    const row = screen.getByRole('row', { name: /^Half the patches/ });
    const onlyThis = row.getByRole('button').nth(2);
    const count = Number((await onlyThis.findElement()).textContent);
    await onlyThis.click();
    await expect.element(screen.getByText('Half the patches is right, Example: plain ViT is wrong')).toBeVisible(); // prettier-ignore
    await expect.element(onlyThis).toHaveAttribute('aria-pressed', 'true');
    await expect
      .element(screen.getByRole('status'))
      .toHaveTextContent(`1 to ${Math.min(24, count)} of ${count}`);
    await screen.getByRole('button', { name: /^All wrong/ }).click();
    await expect
      .poll(() => images(screen).every(({ textContent }) => !textContent.includes('right,')))
      .toBe(true);
  });

  it('have the boxes beside each other, judged by class, box or both', async () => {
    const screen = await beside([3, 4]);
    await expect.poll(() => images(screen).length).toBe(24);
    for (const image of images(screen)) expect(image.querySelectorAll('svg rect.predicted')).toHaveLength(2); // prettier-ignore
    await screen.getByRole('button', { name: 'Box', exact: true }).click();
    await expect.element(screen.getByText(/alone is right with its box about/)).toBeVisible();
    await expect
      .poll(() => images(screen)[0]?.querySelector('.verdicts')?.textContent)
      .toMatch(/IoU 0\.\d\d/);
  });

  it('stay without pictures where the dataset is not here', async () => {
    const screen = await beside([1, 2], missing);
    await expect.poll(() => textOf(screen)).toContain('CIFAR-10 is not on this computer.');
    await expect.poll(() => images(screen).length).toBe(24);
    expect(screen.container.querySelectorAll('canvas')).toHaveLength(0);
  });

  it('are not shown of runs that cannot be compared, and it says why', async () => {
    const screen = await beside([1, 2], {
      'runs.comparePredictions': () => ({
        split: 'test',
        splits: [],
        classes: [],
        boxes: false,
        side: null,
        judged: 0,
        runs: [],
        leftOut: Array.from({ length: 6 }, (_, i) => ({ id: i, name: `run ${i}`, reason: 'it was never evaluated' })), // prettier-ignore
        pairs: [],
        differ: 0,
        allWrong: 0,
        total: 0,
        images: [],
      }),
    });
    await expect
      .element(screen.getByText('Fewer than two of these runs can be compared image by image.'))
      .toBeVisible();
    await expect
      .element(
        screen.getByText(
          'Not compared image by image: run 0, run 1, run 2, run 3, 2 more (it was never evaluated).',
        ),
      )
      .toBeVisible();
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { page, userEvent } from 'vitest/browser';
import { createApi } from '../../src-renderer/api.ts';
import { heatColour } from '../../src-renderer/lib/pictures/heat-colour.ts';
import LooksAt from '../../src-renderer/lib/pictures/LooksAt.svelte';
import { readingOf, showable, valuesOf } from '../../src-renderer/lib/pictures/maps.ts';
import { Session } from '../../src-renderer/lib/session.svelte.ts';
import Pictures from '../../src-renderer/views/compare/Pictures.svelte';
import type { ExperimentConfig, RunDetail } from '../../src-main/contract.ts';
import '../../src-renderer/lib/ui/tokens.css';
import '../../src-renderer/lib/ui/base.css';
import { completeConfig, dropConfig, mockLink, plainConfig, stories } from '../mocks/link.ts';
import { picturesOf } from '../mocks/pictures.ts';

beforeEach(() => localStorage.clear());

async function show(config: ExperimentConfig = dropConfig) {
  await page.viewport(1280, 800);
  const link = mockLink({ runs: [{ ...stories()[0]!, id: 1 }] });
  let epochs = 4;
  const answer = link.call.bind(link);
  let asked = 0;
  link.call = async (name, input) => {
    if (name !== 'runs.pictures') return answer(name, input);
    asked++;
    return { ok: picturesOf(config, epochs) } as never;
  };
  const session = new Session(createApi(link));
  const detail = { ...(await session.api.call('runs.get', { id: 1 })), config };
  const screen = await render(LooksAt, { session, detail });
  return { link, screen, asked: () => asked, grow: () => epochs++ };
}
const cellOf = (canvas: HTMLCanvasElement, patch: number, side: number) => {
  const step = canvas.width / side;
  const [x, y] = [((patch % side) + 0.5) * step, (Math.floor(patch / side) + 0.5) * step];
  return [...canvas.getContext('2d')!.getImageData(x, y, 1, 1).data];
};
const blueness = ([red = 0, , blue = 0]: number[]) => blue - red;

describe('what a run looks at', () => {
  it('is shown as it is now, with what is predicted in words', async () => {
    const { screen } = await show();
    await expect.element(screen.getByText('After epoch 4')).toBeVisible();
    await expect.element(screen.getByText('step 400; 2 of 2 right')).toBeVisible();
    await expect.element(screen.getByText('right, 54 %').first()).toBeVisible();
    await expect
      .element(
        screen.getByRole('img', {
          name: /^disc: right, 54 %; 32 patches kept; most attended: row 1, column 5, /,
        }),
      )
      .toBeVisible();
  });

  it('goes back to the beginning by the arrow keys, and plays from there', async () => {
    const { screen } = await show();
    const slider = screen.getByRole('slider', { name: 'Moment of the training' });
    await expect.element(slider).toHaveAttribute('aria-valuetext', 'After epoch 4');
    (slider.element() as HTMLElement).focus();
    await userEvent.keyboard('{ArrowLeft}');
    await expect.element(screen.getByText('After epoch 3')).toBeVisible();
    await userEvent.keyboard('{Home}');
    await expect.element(screen.getByText('Before training')).toBeVisible();
    await expect.element(screen.getByText('wrong: square, 50 %; disc 10 %')).toBeVisible();
    await screen.getByRole('button', { name: 'Play' }).click();
    await expect.element(screen.getByText('After epoch 2')).toBeVisible();
    await screen.getByRole('button', { name: 'Pause' }).click();
    await expect.element(screen.getByRole('button', { name: 'Play' })).toBeVisible();
  });

  it('colours the most attended patch yellow and the others blue, layer by layer', async () => {
    const { screen } = await show(plainConfig);
    await expect.element(screen.getByText('After epoch 4')).toBeVisible();
    const canvas = () => screen.container.querySelector('canvas')!;
    await expect.poll(() => blueness(cellOf(canvas(), 4, 8))).toBeLessThan(-20);
    expect(blueness(cellOf(canvas(), 5, 8))).toBeGreaterThan(20);
    await screen.getByLabelText('Layer').selectOptions('Layer 2');
    await expect.poll(() => blueness(cellOf(canvas(), 11, 8))).toBeLessThan(-20);
    expect(blueness(cellOf(canvas(), 4, 8))).toBeGreaterThan(20);
    await expect
      .element(
        screen.getByRole('img', { name: /most attended: row 2, column 4, 5\.1 times/ }).first(),
      )
      .toBeVisible();
  });

  it('dims the patches that are not kept, and remembers what was chosen', async () => {
    const { screen } = await show();
    await screen.getByRole('button', { name: 'Kept patches' }).click();
    const canvas = screen.container.querySelector('canvas')!;
    await expect.element(screen.getByText('32 of 64 patches kept').first()).toBeVisible();
    const grey = (patch: number) => {
      const [red = 0, green = 0, blue = 0] = cellOf(canvas, patch, 8);
      return Math.max(red, green, blue) - Math.min(red, green, blue);
    };
    // dimmed, little of a colour is left: the mock's kept patches are the first
    await expect.poll(() => grey(63)).toBeLessThan(50);
    expect(Math.max(grey(0), grey(1), grey(2))).toBeGreaterThan(50);
    await screen.unmount();
    const again = await show();
    await expect
      .element(again.screen.getByRole('button', { name: 'Kept patches' }))
      .toHaveAttribute('aria-pressed', 'true');
  });

  it('follows new snapshots while the last is shown, and stays where one looks back', async () => {
    const { link, screen, grow } = await show();
    await expect.element(screen.getByText('After epoch 4')).toBeVisible();
    grow();
    link.emit('run.snapshot', { id: 1, epoch: 5, step: 500 });
    await expect.element(screen.getByText('After epoch 5')).toBeVisible();
    (screen.getByRole('slider').element() as HTMLElement).focus();
    await userEvent.keyboard('{ArrowLeft}');
    grow();
    link.emit('run.snapshot', { id: 1, epoch: 6, step: 600 });
    await expect.element(screen.getByRole('slider')).toHaveAttribute('max', '6');
    await expect.element(screen.getByText('After epoch 4')).toBeVisible();
  });

  it('asks for nothing while it is folded, also on the next page', async () => {
    const { screen } = await show();
    await expect.element(screen.getByText('After epoch 4')).toBeVisible();
    await screen.getByText('What it looks at').click();
    await expect.poll(() => localStorage.getItem('hugginggreen.pictures.open')).toBe('no');
    await screen.unmount();
    const again = await show();
    await expect.element(again.screen.getByText('What it looks at')).toBeVisible();
    expect(again.asked()).toBe(0);
    await again.screen.getByText('What it looks at').click();
    await expect.element(again.screen.getByText('After epoch 4')).toBeVisible();
    expect(again.asked()).toBe(1);
  });

  it('has a table of the same', async () => {
    const { screen } = await show();
    await screen.getByRole('button', { name: 'Table' }).click();
    const row = screen.getByRole('row', { name: /disc/ });
    await expect.element(row).toBeVisible();
    const cells = [...row.element().querySelectorAll('td')].map((cell) => cell.textContent.trim());
    expect(cells.slice(0, 6)).toEqual(['1', 'disc', 'disc', 'right', '54.0 %', '54.0 %']);
    expect(cells.slice(6)).toEqual(['32 of 64', '101', 'row 1, column 5', '5.1']);
  });

  it('says where there is no attention, and where nobody watched', async () => {
    const resnet = completeConfig({ model: { kind: 'resnet' } });
    const { screen } = await show(resnet);
    await expect.element(screen.getByText(/has no attention to show/)).toBeVisible();
    await expect.element(screen.getByText('right, 54 %').first()).toBeVisible();
    expect(screen.getByLabelText('Layer').query()).toBeNull();
    await screen.unmount();
    const unwatched = await show(completeConfig({ watch: { images: 0 } }));
    await expect.element(unwatched.screen.getByText(/This run was not watched/)).toBeVisible();
    expect(unwatched.asked()).toBe(0);
  });
});

describe('what compared runs look at', () => {
  it('is the same images at the same share of each training, a row per run', async () => {
    await page.viewport(1280, 800);
    const [plain, drop] = stories();
    const link = mockLink({
      runs: [
        { ...plain!, id: 1, config: plainConfig },
        { ...drop!, id: 2, config: dropConfig },
      ],
    });
    const session = new Session(createApi(link));
    const details = await Promise.all(
      [1, 2].map((id): Promise<RunDetail> => session.api.call('runs.get', { id })),
    );
    const drawn = details.map((detail, i) => ({
      id: i + 1,
      name: ['plain', 'drop'][i]!,
      members: [
        {
          id: i + 1,
          detail,
          series: [],
          reach: null,
          totals: { watts: { x: [], y: [] }, wh: { x: [], y: [] } },
        },
      ],
    }));
    const screen = await render(Pictures, { session, drawn });
    await expect
      .element(screen.getByRole('region', { name: 'plain, after epoch 4' }))
      .toBeVisible();
    const second = screen.getByRole('region', { name: 'drop, after epoch 4' });
    expect(second.element().querySelectorAll('canvas')).toHaveLength(2);
    (screen.getByRole('slider').element() as HTMLElement).focus();
    await userEvent.keyboard('{Home}');
    await expect
      .element(screen.getByRole('region', { name: 'drop, before training' }))
      .toBeVisible();
  });
});

describe('maps of attention', () => {
  const cells = btoa(String.fromCharCode(0, 1, 128, 255));
  const map = { cells, min: 0.1, max: 0.354 };

  it('are read back as they were measured', () => {
    expect(valuesOf(map)).toEqual([null, 0.1, expect.closeTo(0.227, 9), expect.closeTo(0.354, 9)]);
    const picture = { rollout: map, layers: [{ tokens: 4, received: map }] };
    const reading = readingOf(picture as Parameters<typeof readingOf>[0], 'all');
    expect(reading).toMatchObject({ row: 2, column: 2, tokens: 4, most: expect.closeTo(1.416, 9) });
  });

  it('have colours that grow lighter in even steps', () => {
    const lightness = Array.from({ length: 11 }, (_, i) => {
      const [red, green, blue] = heatColour(i / 10)
        .match(/\d+/g)!
        .map((byte) => {
          const share = Number(byte) / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
      // CIE 1976 L*
      const luminance = 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
      return luminance > 0.008856 ? 116 * Math.cbrt(luminance) - 16 : 903.3 * luminance;
    });
    const steps = lightness.slice(1).map((value, i) => value - lightness[i]!);
    for (const step of steps) {
      expect(step).toBeGreaterThan(6);
      expect(step).toBeLessThan(10.5);
    }
  });

  it('fall back on what there is to show', () => {
    expect(showable('both', { layers: 4, selects: false })).toBe('attention');
    expect(showable('both', { layers: 0, selects: true })).toBe('kept');
    expect(showable('kept', { layers: 0, selects: false })).toBe('image');
    expect(showable('image', { layers: 4, selects: true })).toBe('image');
  });
});

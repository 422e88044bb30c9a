/**
 * The lines of a plot as a chart type of chart.js' own kind. They are painted from their columns
 * (`paint.ts`); chart.js asks for single points only where one hovers.
 */
import {
  DatasetController,
  PointElement,
  type CartesianScaleTypeRegistry,
  type Chart,
  type InteractionItem,
} from 'chart.js';
import type { LineStyle } from './paint.ts';
import type { PlotLine } from './plot.ts';
import { lowerBound } from './range.ts';

declare module 'chart.js' {
  interface ChartTypeRegistry {
    plotLine: {
      chartOptions: unknown;
      datasetOptions: PlotLineDataset;
      /** Numbers do not pass through chart.js. */
      defaultDataPoint: never;
      metaExtensions: unknown;
      parsedDataType: { x: number; y: number };
      scales: keyof CartesianScaleTypeRegistry;
    };
  }
}
export interface PlotLineDataset {
  label: string;
  data: never[];
  shows: PlotLine;
  style: LineStyle;
}

/** chart.js' own type has every part of the lines optional. */
export const datasetsOf = (chart: Chart) => chart.data.datasets as unknown as PlotLineDataset[];

export class PlotLineController extends DatasetController<'plotLine', PointElement> {
  static id = 'plotLine';
  static defaults = { datasetElementType: false, dataElementType: 'point' };

  /** The point nearest to the value `x`; null where nothing was read. */
  nearest(x: number): Pick<InteractionItem, 'element' | 'index'> | null {
    const { shows } = this.#dataset;
    const after = lowerBound(shows.x, x);
    const gap = (i: number) => Math.abs((shows.x[i] ?? Infinity) - x);
    const index = gap(after - 1) <= gap(after) ? after - 1 : after;
    const y = shows.y[index] ?? null;
    if (y === null) return null;
    const element = new PointElement({
      options: {
        ...this.getStyle(),
        radius: shows.raw || shows.line.edge ? 0 : 3,
        pointStyle: 'circle',
        hitRadius: 1,
      },
    });
    const { xScale, yScale } = this.getMeta();
    Object.assign(element, {
      x: xScale!.getPixelForValue(shows.x[index]!),
      y: yScale!.getPixelForValue(y),
    });
    // chart.js looks it up there
    this.getMeta().data[index] = element;
    return { element, index };
  }

  /** Another line is shown: what was hovered is no point of it. */
  forget() {
    this.getMeta().data = [];
  }

  override getStyle() {
    const { colour, width } = this.#dataset.style;
    return { borderColor: colour, backgroundColor: colour, borderWidth: width };
  }
  protected override getParsed(index: number) {
    const { x, y } = this.#dataset.shows;
    return { x: x[index] ?? NaN, y: y[index] ?? NaN };
  }
  protected override getLabelAndValue() {
    return { label: this.#dataset.label, value: '' };
  }
  protected override getMinMax() {
    return { min: 0, max: 1 };
  }
  override setHoverStyle(element: PointElement) {
    element.active = true;
  }
  override removeHoverStyle(element: PointElement | undefined) {
    if (element) element.active = false;
  }
  // nothing is parsed, no elements are made, and painting is done for all lines at once
  override parse() {}
  override buildOrUpdateElements() {}
  override draw() {}

  get #dataset(): PlotLineDataset {
    return datasetsOf(this.chart)[this.index]!;
  }
}

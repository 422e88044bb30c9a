/**
 * How wide the columns are into which a curve is thinned: a power of two, so that the columns of a run that
 * goes on stay where they are until it is twice as long. Then the points of one answer are those of the
 * one before it, and a chart has to draw only what is new.
 * @param span length of the axis, in its unit
 * @param most columns at most; there are more than half as many
 */
export function columnWidth(span: number, most: number): number {
  return span > 0 ? 2 ** Math.ceil(Math.log2(span / most)) : 1;
}

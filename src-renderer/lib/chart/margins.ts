/** Places that charts on a canvas and drawings share, in pixels. */

/** Width of the left axis with its title. */
export const axisWidth = 64;
/** Room for half of the last tick's label. */
export const rightPadding = 14;
/** Width at which a chart for paper is drawn: half of a sheet, so that its letters have their size there. */
export const stillWidth = 336;

/**
 * Every action that a person can take by key, menu or command palette, once: the palette, the sheet of
 * keys (`?`), Electron's menu and the keyboard all read this table, so none of them can be wrong about
 * another. What an action does is bound by the page (`lib/shell/actions.svelte.ts`).
 */

/** `Mod` is Cmd on macOS and Ctrl elsewhere. Keys without a modifier do nothing while a person types. */
export interface ActionWords {
  id: string;
  title: string;
  group: 'Go to' | 'Experiment' | 'Run' | 'Runs selected or shown' | 'View' | 'Help';
  /** `Mod+K`, `?`, `Shift+Delete`; null: by menu and palette only. */
  keys: string | null;
  /** Other words by which a person may look for it. */
  words?: string;
}

export const actions = [
  {
    id: 'go.machine',
    title: 'Machine',
    group: 'Go to',
    keys: '1',
    words: 'hardware sensors power',
  },
  {
    id: 'go.new',
    title: 'New experiment',
    group: 'Go to',
    keys: '2',
    words: 'train preset matrix sweep search',
  },
  { id: 'go.live', title: 'Live', group: 'Go to', keys: '3', words: 'running now' },
  { id: 'go.runs', title: 'Runs', group: 'Go to', keys: '4', words: 'history table' },
  { id: 'go.compare', title: 'Compare', group: 'Go to', keys: '5', words: 'difference statistics' },
  { id: 'go.data', title: 'Data', group: 'Go to', keys: '6', words: 'datasets download' },
  {
    id: 'go.settings',
    title: 'Settings',
    group: 'Go to',
    keys: '7',
    words: 'preferences region theme',
  },
  {
    id: 'go.about',
    title: 'About HuggingGreen',
    group: 'Help',
    keys: null,
    words: 'version licences',
  },
  { id: 'experiment.example', title: 'Run the example', group: 'Experiment', keys: null },
  {
    id: 'experiment.start',
    title: 'Start what stands in the form',
    group: 'Experiment',
    keys: 'Mod+Enter',
    words: 'queue train',
  },
  {
    id: 'experiment.measure',
    title: 'Measure what the form’s experiment takes here',
    group: 'Experiment',
    keys: null,
    words: 'forecast time energy calibrate',
  },
  { id: 'preview.next', title: 'Next image of the preview', group: 'Experiment', keys: ']' },
  {
    id: 'preview.previous',
    title: 'Previous image of the preview',
    group: 'Experiment',
    keys: '[',
  },
  {
    id: 'machine.idle',
    title: 'Measure idle power',
    group: 'Experiment',
    keys: null,
    words: 'baseline machine watts',
  },
  {
    id: 'machine.calibrate',
    title: 'Calibrate with a wall meter',
    group: 'Experiment',
    keys: null,
    words: 'plug socket shelly tasmota',
  },
  {
    id: 'machine.probe',
    title: 'Look for sensors and engines again',
    group: 'Experiment',
    keys: null,
  },
  { id: 'run.stop', title: 'Stop the active run with a checkpoint', group: 'Run', keys: 'Mod+.' },
  { id: 'run.pause', title: 'Pause the active run', group: 'Run', keys: null },
  {
    id: 'queue.pause',
    title: 'Pause the queue or let it go on',
    group: 'Run',
    keys: null,
    words: 'hold wait line resume',
  },
  {
    id: 'queue.skipCoolDown',
    title: 'Start the next run without waiting for the cool-down',
    group: 'Run',
    keys: null,
    words: 'skip queue idle power',
  },
  { id: 'run.open', title: 'Open the active run', group: 'Run', keys: null },
  {
    id: 'run.log',
    title: 'Show or hide the log of the run',
    group: 'View',
    keys: 'J',
    words: 'output lines tail',
  },
  { id: 'run.latest', title: 'Open the latest run', group: 'Run', keys: null },
  {
    id: 'runs.import',
    title: 'Import files or a folder',
    group: 'Run',
    keys: null,
    words: 'csv bundle zip codecarbon bring in',
  },
  {
    id: 'runs.compare',
    title: 'Compare the selected runs',
    group: 'Runs selected or shown',
    keys: 'C',
  },
  {
    id: 'runs.export',
    title: 'Export the run shown or the runs selected',
    group: 'Runs selected or shown',
    keys: null,
    words: 'csv json zip bundle charts metrics samples predictions markdown pdf download save',
  },
  {
    id: 'report.open',
    title: 'Report of the selected, compared or shown runs',
    group: 'Runs selected or shown',
    keys: 'R',
    words: 'paper pdf print export',
  },
  {
    id: 'runs.star',
    title: 'Star, or take the star away',
    group: 'Runs selected or shown',
    keys: 'S',
  },
  { id: 'runs.tag', title: 'Tag', group: 'Runs selected or shown', keys: 'T', words: 'label' },
  {
    id: 'runs.archive',
    title: 'Archive, or bring back',
    group: 'Runs selected or shown',
    keys: 'E',
    words: 'hide put away',
  },
  { id: 'runs.rename', title: 'Rename', group: 'Runs selected or shown', keys: 'F2' },
  {
    id: 'runs.clone',
    title: 'Clone: set up once more',
    group: 'Runs selected or shown',
    keys: null,
  },
  { id: 'runs.resume', title: 'Resume', group: 'Runs selected or shown', keys: null },
  { id: 'runs.delete', title: 'Delete', group: 'Runs selected or shown', keys: 'Delete' },
  {
    id: 'runs.group',
    title: 'Group repeats, or not',
    group: 'View',
    keys: 'G',
    words: 'seeds mean config',
  },
  {
    id: 'compare.baseline',
    title: 'Make the column in focus the baseline, or the next one',
    group: 'View',
    keys: 'B',
    words: 'compare pin reference',
  },
  {
    id: 'report.pdf',
    title: 'Save the report as PDF',
    group: 'View',
    keys: 'Mod+S',
    words: 'paper export',
  },
  { id: 'report.html', title: 'Save the report as HTML', group: 'View', keys: null },
  { id: 'report.print', title: 'Print the report', group: 'View', keys: 'Mod+P', words: 'paper' },
  {
    id: 'palette',
    title: 'Search actions and runs',
    group: 'View',
    keys: 'Mod+K',
    words: 'command',
  },
  { id: 'chart.axis', title: 'Next horizontal axis of the charts', group: 'View', keys: 'X' },
  {
    id: 'chart.log',
    title: 'Logarithmic chart, or not',
    group: 'View',
    keys: 'L',
    words: 'scale linear',
  },
  {
    id: 'chart.mark',
    title: 'Mark a moment in the charts',
    group: 'View',
    keys: 'M',
    words: 'annotate note',
  },
  {
    id: 'chart.table',
    title: 'Numbers of the chart as a table',
    group: 'View',
    keys: 'Alt+T',
    words: 'data',
  },
  { id: 'chart.all', title: 'Undo the zoom of the charts', group: 'View', keys: '0' },
  { id: 'chart.copy', title: 'Copy the chart as a picture', group: 'View', keys: null },
  { id: 'search', title: 'Search in this view', group: 'View', keys: '/' },
  {
    id: 'theme',
    title: 'Switch between light, dark and the system’s look',
    group: 'View',
    keys: null,
  },
  { id: 'keys', title: 'Keys', group: 'Help', keys: '?', words: 'keyboard shortcuts' },
  {
    id: 'tour',
    title: 'Show the tour again',
    group: 'Help',
    keys: null,
    words: 'help first start',
  },
] as const satisfies readonly ActionWords[];

export type ActionId = (typeof actions)[number]['id'];

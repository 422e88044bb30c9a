/** What the page hears of a run, as lines of its log: the same for a training of ours and for a command. */
import type { EventName, Events, RunSummary } from '../../contract.ts';
import type { EventBus } from '../events.ts';
import type { RunLog } from './run-log.ts';

/** Events that go on as they are, and leave their words in the log. */
export function loggedEvents(
  events: Pick<EventBus, 'emit'>,
  log: Pick<RunLog, 'write'>,
): Pick<EventBus, 'emit'> {
  const words = logWords();
  return {
    emit: (name, data) => {
      const line = words(name, data);
      if (line !== null) log.write('info', line);
      events.emit(name, data);
    },
  };
}

/** Phases that come with every epoch and are over soon: their end tells enough. */
const brief: ReadonlySet<string> = new Set(['evaluate', 'checkpoint']);

/** @returns what an event is worth a line, or null; it remembers what came before */
export function logWords(): <K extends EventName>(name: K, data: Events[K]) => string | null {
  /** When each phase began, in seconds of the run. */
  const began = new Map<string, number>();
  let doing: string | null = null;
  return (name, data) => {
    switch (name) {
      case 'run.phase': {
        const { name: phase, epoch, edge, time } = data as Events['run.phase'];
        const what = epoch === null ? phase : `${phase}, epoch ${epoch}`;
        if (edge === 'start') {
          began.set(what, time);
          return brief.has(phase) ? null : `${what} began`;
        }
        const from = began.get(what);
        began.delete(what);
        return from === undefined ? `${what} ended` : `${what} took ${seconds(time - from)}`;
      }
      case 'run.progress': {
        const { label } = data as Events['run.progress'];
        if (label === doing) return null;
        doing = label;
        return label;
      }
      case 'run.evaluation': {
        const { epoch, step, result } = data as Events['run.evaluation'];
        const after = epoch > 0 ? `after epoch ${epoch}, ` : '';
        return `evaluation on ${result.split} ${after}step ${step}: ${scores(result)}`;
      }
      default:
        return null;
    }
  };
}

function scores({ loss, accuracy, macroF1 }: Events['run.evaluation']['result']): string {
  const told: [string, number | null, number][] = [
    ['loss', loss, 4],
    ['accuracy', accuracy, 3],
    ['macro F1', macroF1, 3],
  ];
  return told
    .flatMap(([word, value, places]) =>
      value === null ? [] : [`${word} ${value.toFixed(places)}`],
    )
    .join(', ');
}

/** `done after step 840 of 840, 12.4 s: 1.24 Wh, macro F1 0.812`. */
export function endWords({
  status,
  step,
  steps,
  seconds: took,
  wh,
  macroF1,
  f1Split,
}: RunSummary): string {
  const reached = step === null ? '' : ` after step ${step}${steps === null ? '' : ` of ${steps}`}`;
  const time = took === null ? '' : `${reached ? ',' : ' after'} ${seconds(took)}`;
  const figures = [
    ...(wh === null ? [] : [`${digits(wh)} Wh`]),
    ...(macroF1 === null ? [] : [`macro F1 ${macroF1.toFixed(3)} (${f1Split})`]),
  ];
  return `${status}${reached}${time}${figures.length > 0 ? `: ${figures.join(', ')}` : ''}`;
}

const digits = (value: number): string => String(Number(value.toPrecision(3)));
const seconds = (value: number): string =>
  value < 120 ? `${value.toFixed(1)} s` : `${(value / 60).toFixed(1)} min`;

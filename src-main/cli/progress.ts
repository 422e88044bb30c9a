/** The line that carries the sentence about a run: a bar on a terminal, plain lines now and then in a log file. */

export interface ProgressLine {
  show(sentence: string, fraction: number | null, topic?: string): void;
  /** A line that stays. */
  print(line: string): void;
  end(): void;
}

/** In a log file a line this often, and when the topic changes. */
const logEveryMs = 10_000;

export function progressLine(stream: NodeJS.WriteStream, quiet: boolean): ProgressLine {
  if (quiet) return { show: () => {}, print: () => {}, end: () => {} };
  if (!stream.isTTY) {
    let loggedAt = -Infinity;
    let loggedTopic: string | undefined;
    return {
      show: (sentence, _fraction, topic) => {
        const due = topic !== loggedTopic || Date.now() - loggedAt >= logEveryMs;
        if (sentence === '' || !due) return;
        loggedAt = Date.now();
        loggedTopic = topic;
        stream.write(`${sentence}\n`);
      },
      print: (line) => stream.write(`${line}\n`),
      end: () => {},
    };
  }
  let shown = '';
  const clear = (): boolean => stream.write('\r\u001b[K');
  return {
    show: (sentence, fraction) => {
      const text = `${bar(fraction)} ${sentence}`;
      shown = text.length < stream.columns ? text : text.slice(0, stream.columns - 1);
      clear();
      stream.write(shown);
    },
    print: (line) => {
      clear();
      stream.write(`${line}\n${shown}`);
    },
    end: () => {
      clear();
      shown = '';
    },
  };
}

function bar(fraction: number | null): string {
  const width = 20;
  const full = Math.round((fraction ?? 0) * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}

/** Lines of a log as text. */
import type { LogLine } from '../../../src-main/contract.ts';
import { clock } from '../format/time.ts';

export const lineText = ({ at, kind, text }: LogLine): string =>
  `${clock(at)}  ${kind === 'warning' || kind === 'error' ? `${kind}: ` : ''}${text}`;

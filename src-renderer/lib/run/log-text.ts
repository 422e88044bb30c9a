/** Lines of a log as text. */
import type { LogLine } from '../../../src-main/contract.ts';

/** `21:44:03`. */
export const lineTime = (at: number): string => new Date(at).toLocaleTimeString('en-GB');

export const lineText = ({ at, kind, text }: LogLine): string =>
  `${lineTime(at)}  ${kind === 'warning' || kind === 'error' ? `${kind}: ` : ''}${text}`;

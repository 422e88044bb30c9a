/** Durations and moments for people. */
import { missing, significant, type Maybe } from './number.ts';

/** `0.84 s`, `12 s`, `4 min 05 s`, `1 h 50 min`, `3 d 4 h`. */
export function duration(seconds: Maybe): string {
  if (seconds == null || !Number.isFinite(seconds)) return missing;
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds < 10) return `${significant(seconds, 2)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** An interval as one phrase: `4-5 min`, `50-70 s`, `1 h 50 min - 2 h 10 min`. */
export function durationRange(from: number, to: number): string {
  const [low, high] = [Math.max(0, from), Math.max(0, to)];
  for (const [size, unit, most] of [
    [1, 's', 90],
    [60, 'min', 90 * 60],
  ] as const) {
    if (high >= most) continue;
    const a = Math.round(low / size);
    // `0–4 min` would tell nothing of an end that is known in seconds
    if (a === 0 && low >= 1 && size > 1) break;
    const b = Math.max(a, Math.ceil(high / size));
    return a === b ? `${a} ${unit}` : `${a}–${b} ${unit}`;
  }
  return low === high ? duration(low) : `${duration(low)} – ${duration(high)}`;
}

// made once: to make one takes a hundred times as long as to use it
const time = { hour: '2-digit', minute: '2-digit' } as const;
const date = { day: 'numeric', month: 'short' } as const;
const formats = {
  moment: new Intl.DateTimeFormat('en-GB', { ...date, year: 'numeric', ...time }),
  day: new Intl.DateTimeFormat('en-GB', { ...date, year: 'numeric' }),
  dayAndTime: new Intl.DateTimeFormat('en-GB', { ...date, ...time }),
  time: new Intl.DateTimeFormat('en-GB', time),
  second: new Intl.DateTimeFormat('en-GB', { ...time, second: '2-digit' }),
};

/** `22 Nov 2026, 21:44`. */
export const moment = (at: Maybe): string => (at == null ? missing : formats.moment.format(at));

/** `3 Sep 2026`. */
export const day = (at: Maybe): string => (at == null ? missing : formats.day.format(at));

/** `21:44:07`: lines of a log. */
export const clock = (at: Maybe): string => (at == null ? missing : formats.second.format(at));

/** Today only the time, else the day: for dense tables. */
export function shortMoment(at: Maybe, now = Date.now()): string {
  if (at == null) return missing;
  const sameDay = new Date(at).toDateString() === new Date(now).toDateString();
  return (sameDay ? formats.time : formats.dayAndTime).format(at);
}

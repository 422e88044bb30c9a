/**
 * Sweeps, which are matrices whose arms are made from ranges, and successive halving of their trials.
 *
 * `rung` is the epoch after which a run stops and waits for the other trials, null where it comes to its end;
 * `dropped` says that it does not go on. Of a sweep, `decided` counts the rungs at which it was chosen who goes
 * on; `stopped_ms` is when a person ended it.
 */
export const sweeps = `
alter table run add column rung integer;
alter table run add column dropped integer not null default 0;
alter table matrix add column decided integer not null default 0;
alter table matrix add column stopped_ms real;
`;

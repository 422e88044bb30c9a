/**
 * Two more totals in a run's row, as those of the first schema: energy at the socket by the calibration, and
 * what falls to the run's own processes. Runs that are over have them as soon as they are priced again.
 */
export const totals = `
alter table run add column wall_wh real;
alter table run add column process_wh real;
create index run_removed on run (removed_ms) where removed_ms is not null;
`;

/**
 * What was taken, stretch by stretch, for budgets of a day or a month: it stays when a run is deleted or
 * priced anew, and it is not taken over from other computers. Runs that were over before come as one
 * stretch each.
 */
export const spent = `
create table spent (
  id integer primary key,
  run integer references run on delete set null,
  from_ms real not null,
  to_ms real not null,
  wh real,
  g_co2e real
) strict;
create index spent_by_end on spent (to_ms);
create index spent_by_run on spent (run);

insert into spent (run, from_ms, to_ms, wh, g_co2e)
  select id, started_ms, started_ms + seconds * 1000, wh, g_co2e from run
  where started_ms is not null and seconds > 0 and imported is null and copy_of is null
    and origin is null and status in ('done', 'stopped', 'failed', 'interrupted');
`;

/**
 * What makes an energy figure worth believing: whose energy it is, how the whole machine compares, what the
 * hour's electricity was, and runs that are commands of the person's own.
 *
 * `counted` holds the keys of the components that are the run's, null: all. `pricing` and `wall` are what
 * was known when the run started, as JSON (`Pricing` without its region, `WallEnergy` without its figures).
 * A run with `command` was not trained by us; `copy_of` is the run whose joules a re-priced copy shares.
 * `scalar` takes what such commands report by any name.
 */
export const trust = `
alter table power_sample add column clock_mhz real;
alter table power_sample add column run_joules real;
alter table power_sample add column program_joules real;

alter table run add column counted text;
alter table run add column pricing text;
alter table run add column wall text;
alter table run add column command text;
alter table run add column copy_of integer references run on delete set null;

create table scalar (
  run integer not null references run on delete cascade,
  name text not null,
  step integer not null,
  segment integer not null references segment on delete cascade,
  t real not null,
  value real,
  primary key (run, name, step)
) strict, without rowid;
create index scalar_by_segment on scalar (segment);

-- what was fetched or read from a file, so that a run can be priced without the network
create table intensity_hour (
  provider text not null,
  zone text not null,
  at_ms real not null,
  g_per_kwh real not null,
  primary key (provider, zone, at_ms)
) strict, without rowid;
`;

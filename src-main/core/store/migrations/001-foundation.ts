/**
 * The first schema.
 *
 * A *launch* is one start of the program: monotonic times mean something within one boot, and a launch
 * never outlives a boot. A *session* is one life of the meter; its cumulative joules start anew. A run
 * is active in *segments*, one per start or resume; time and energy of a run are sums over them.
 *
 * All `t`, `from_t`, `to_t` are monotonic microseconds as the processes stamped them. Null is missing.
 */
export const foundation = `
create table launch (
  id integer primary key,
  opened_ms real not null,
  closed_ms real
) strict;

create table experiment (
  id integer primary key,
  key text not null unique,
  name text not null,
  created_ms real not null
) strict;

create table machine (
  id integer primary key,
  inventory text not null unique,
  seen_ms real not null
) strict;

create table intensity (
  id integer primary key,
  code text not null,
  name text not null,
  kind text not null,
  g_per_kwh real not null,
  year integer not null,
  source text not null,
  basis text not null,
  unique (code, name, kind, g_per_kwh, year, source, basis)
) strict;

create table run (
  id integer primary key autoincrement,
  experiment integer not null references experiment,
  machine integer references machine,
  intensity integer references intensity,
  name text not null,
  status text not null,
  config text,
  dataset text not null,
  model text not null,
  selection text not null,
  seed integer,
  pue real not null,
  app_version text not null,
  node text not null,
  hz real,
  created_ms real not null,
  started_ms real,
  ended_ms real,
  engine text,
  engine_why text,
  parameters integer,
  train_images integer,
  steps_per_epoch integer,
  steps integer,
  epochs integer,
  classes text,
  graph_nodes integer,
  forecast text,
  idle text,
  error text,
  epoch integer,
  step integer,
  images_seen integer,
  images_per_second real,
  loss real,
  micro_f1 real,
  macro_f1 real,
  f1_split text,
  seconds real,
  wh real,
  uncertainty_wh real,
  g_co2e real,
  wh_by_kind text,
  sample_facts text,
  imported text
) strict;
create index run_by_experiment on run (experiment);
create index run_by_machine on run (machine);

create table segment (
  id integer primary key,
  run integer not null references run on delete cascade,
  launch integer not null references launch,
  from_t real not null,
  to_t real,
  utc_ms real not null,
  before_us real not null
) strict;
create index segment_by_run on segment (run);
create index segment_running on segment (run) where to_t is null;
create index segment_by_launch on segment (launch, from_t);

create table phase (
  id integer primary key,
  run integer not null references run on delete cascade,
  segment integer references segment on delete cascade,
  name text not null,
  epoch integer,
  from_t real not null,
  to_t real
) strict;
create index phase_by_run on phase (run);
create index phase_by_segment on phase (segment);

create table metric (
  run integer not null references run on delete cascade,
  step integer not null,
  segment integer not null references segment on delete cascade,
  epoch integer not null,
  t real not null,
  loss real,
  lr real,
  tokens real,
  step_ms real,
  wait_ms real,
  primary key (run, step)
) strict, without rowid;
create index metric_by_segment on metric (segment);

create table evaluation (
  run integer not null references run on delete cascade,
  split text not null,
  step integer not null,
  epoch integer not null,
  segment integer references segment on delete cascade,
  t real not null,
  loss real,
  accuracy real,
  micro_f1 real,
  macro_f1 real,
  result text not null,
  primary key (run, split, step)
) strict, without rowid;
create index evaluation_by_segment on evaluation (segment);

create table event (
  id integer primary key,
  run integer not null references run on delete cascade,
  utc_ms real not null,
  level text not null,
  message text not null
) strict;
create index event_by_run on event (run);

create table artifact (
  id integer primary key,
  run integer not null references run on delete cascade,
  kind text not null,
  epoch integer not null,
  step integer not null,
  path text not null,
  bytes integer not null,
  unique (run, kind, path)
) strict;

create table session (
  id integer primary key,
  launch integer not null references launch,
  name text not null,
  micros real not null,
  utc_ms real not null,
  unique (launch, name)
) strict;

create table component (
  id integer primary key,
  session integer not null references session,
  key text not null,
  kind text not null,
  name text not null,
  source text not null,
  provenance text not null,
  uncertainty_percent real,
  uncertainty_watts real,
  method text not null,
  unique (session, key)
) strict;

create table power_sample (
  component integer not null references component,
  t real not null,
  joules real,
  watts real,
  flags integer not null,
  util_percent real,
  memory_mb real,
  temp_c real,
  primary key (component, t)
) strict, without rowid;
-- gaps are few; energy of any interval needs them and the readings at its ends, nothing else
create index power_gap on power_sample (component, t) where flags & 1;

create table setting (
  key text primary key,
  value text not null
) strict, without rowid;
`;

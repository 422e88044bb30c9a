/**
 * What a person does with runs, and what is looked at beside figures.
 *
 * `queue_place` orders the runs that wait; `removed_ms` is set by a deletion that can still be undone;
 * `origin` is the computer from which a bundle brought the run, as JSON (`RunSummary.origin`). A `prediction` is what one evaluation said
 * of a fixed set of images, a `picture` what a run did with one of them (kept patches, attention), as a
 * grid of bytes, row by row.
 */
export const desk = `
alter table run add column star integer not null default 0;
alter table run add column note text;
alter table run add column archived_ms real;
alter table run add column removed_ms real;
alter table run add column queue_place real;
alter table run add column origin text;

create table tag (
  run integer not null references run on delete cascade,
  name text not null,
  primary key (run, name)
) strict, without rowid;

create table saved_view (
  id integer primary key,
  name text not null unique,
  state text not null,
  created_ms real not null
) strict;

create table marker (
  id integer primary key,
  run integer not null references run on delete cascade,
  segment integer not null references segment on delete cascade,
  t real not null,
  text text not null
) strict;
create index marker_by_run on marker (run);
create index marker_by_segment on marker (segment);

create table prediction (
  run integer not null references run on delete cascade,
  split text not null,
  step integer not null,
  facts text not null,
  primary key (run, split, step)
) strict, without rowid;

create table picture (
  run integer not null references run on delete cascade,
  step integer not null,
  image integer not null,
  kind text not null,
  epoch integer not null,
  columns integer not null,
  rows integer not null,
  cells blob not null,
  primary key (run, step, image, kind)
) strict, without rowid;
`;

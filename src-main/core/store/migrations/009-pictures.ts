/**
 * What a run did with a few images that it is watched on: the images once, and a snapshot of all of them at a time
 * (`WatchedImage` and `Snapshot` of the trainer's messages, as JSON). They take the place of `picture`, a row per grid,
 * which had no room for the range of its values and for what was predicted, and which nothing ever wrote.
 */
export const pictures = `
drop table picture;

create table watched (
  run integer primary key references run on delete cascade,
  images text not null
) strict;

create table snapshot (
  run integer not null references run on delete cascade,
  step integer not null,
  facts text not null,
  primary key (run, step)
) strict, without rowid;
`;

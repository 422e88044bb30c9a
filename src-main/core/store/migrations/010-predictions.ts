/**
 * What evaluations said of single images: the table of 004, which nothing was ever written to, with a place for
 * the bytes (`predictions.ts`). `fingerprint` is of the images and their order.
 */
export const predictions = `
drop table prediction;
create table prediction (
  id integer primary key,
  run integer not null references run on delete cascade,
  split text not null,
  step integer not null,
  epoch integer not null,
  images integer not null,
  boxes integer not null,
  side integer not null,
  fingerprint text not null,
  cells blob not null,
  unique (run, split, step)
) strict;
`;

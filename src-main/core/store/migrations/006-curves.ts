/**
 * Curves of runs that are over, thinned once: a comparison of eight nights reads eight short rows instead of
 * eight million samples. `axis` is what they are over (`power`: the power of all components), `made_of` a digest of
 * what they were made of. They are made of samples and steps only, and can be made anew at any time.
 */
export const curves = `
create table curve (
  id integer primary key,
  run integer not null references run on delete cascade,
  axis text not null,
  name text not null,
  width integer not null,
  made_of text not null,
  content text not null,
  unique (run, axis, name, width)
) strict;
`;

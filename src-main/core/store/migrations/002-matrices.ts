/**
 * Runs that belong together in a matrix, and the few words for what is unusual about a run.
 *
 * A row of `matrix` is one start of an experiment matrix, `ordered` the order as JSON. Before this schema, attention was the only
 * thing beside model and selection by which runs differed.
 */
export const matrices = `
create table matrix (
  id integer primary key autoincrement,
  key text not null,
  title text not null,
  ordered text not null,
  created_ms real not null
) strict;

alter table run add column matrix integer references matrix;
alter table run add column arm text;
alter table run add column arm_title text;
alter table run add column arm_baseline text;
alter table run add column repeat integer;
alter table run add column warm_up integer not null default 0;
alter table run add column method text not null default '';
create index run_by_matrix on run (matrix) where matrix is not null;

update run set method = ifnull(json_extract(config, '$.attention.kind'), 'standard')
where json_extract(config, '$.model.kind') = 'vit';
`;

/**
 * One more total in a run's row: how its energy by kind came about, of several parts the least certain. Runs
 * of before get it from what was read while they were active; imported ones have no readings, and none.
 */
export const provenance = `
alter table run add column provenance_by_kind text;
update run set provenance_by_kind = (
  select json_group_object(kind, provenance) from (
    select c.kind, c.provenance, max(case c.provenance
      when 'counted' then 1 when 'integrated' then 2 when 'modelled' then 3 when 'constant' then 4
      else 0 end)
    from segment s
      join session n on n.launch = s.launch
      join component c on c.session = n.id
    where s.run = run.id
      and (c.kind <> 'gpu' or run.counted is null
        or c.key in (select value from json_each(run.counted)))
      and exists (select 1 from power_sample p
        where p.component = c.id and p.t between s.from_t and s.to_t and p.joules is not null)
    group by c.kind
  )
) where wh_by_kind is not null and imported is null;
`;

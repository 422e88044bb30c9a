/**
 * Runs of the built-in example, which show how the program works and are no results. Those of before are known
 * by what their configs are called, which a new name of the run leaves as it was, and by their size.
 */
export const example = `
alter table run add column example integer not null default 0;

update run set example = 1
  where config is not null
    and config ->> '$.name' in ('Example: plain ViT', 'Example: patch-dropping ViT')
    and config ->> '$.dataset.kind' = 'greensynth'
    and (config ->> '$.dataset.train', config ->> '$.train.epochs') in (values (3840, 16), (2560, 20));
`;

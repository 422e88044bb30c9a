/**
 * A checkpoint by its files. `path` is the JSON that says where the run was (`last.json`, `best.json`,
 * `best-per-kwh.json`, `step-840.json`), `file` the name of the tensors beside it, which several may share;
 * `sha256` is of the tensors as the trainer wrote them. Rows of before have none of the three new columns.
 */
export const checkpoints = `
alter table artifact add column file text;
alter table artifact add column sha256 text;
alter table artifact add column written_ms real;
`;

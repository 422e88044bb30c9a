/** What the steps of a run tell about its computing: how many of each epoch saw kept patches only. */
import { parseExperimentConfig, type ExperimentConfig } from '../../contract.ts';
import type { ReadableDb } from './database.ts';

/** Null for imported runs, commands and configs that this version does not understand. */
export function runConfig(db: ReadableDb, run: number): ExperimentConfig | null {
  const row = db.get<{ config: string | null }>('select config from run where id = ?', run);
  if (!row?.config) return null;
  const parsed = parseExperimentConfig(JSON.parse(row.config));
  return parsed.ok ? parsed.config : null;
}

export interface EpochTally {
  /** From 0, of those after `after`. */
  epoch: number;
  steps: number;
  /** Of them, those in which at most so many tokens of an image went through the encoder. */
  reduced: number;
}

/** @param after steps of earlier stages */
export const stepTally = (
  db: ReadableDb,
  run: number,
  { after, perEpoch, tokens }: { after: number; perEpoch: number; tokens: number },
): EpochTally[] =>
  db.all<EpochTally>(
    `select cast((step - 1 - @after) / @perEpoch as integer) as epoch, count(*) as steps,
       ifnull(sum(tokens <= @tokens), 0) as reduced
     from metric where run = @run and step > @after group by 1 order by 1`,
    { run, after, perEpoch, tokens },
  );

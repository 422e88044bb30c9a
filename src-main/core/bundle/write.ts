/** Runs as a bundle (manifest.ts), for another installation. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { exportRuns, writePieces, type TextFormat } from '../report/index.ts';
import { schemaVersion } from '../store/migrations/index.ts';
import type { RunLogs } from '../runs/run-log.ts';
import { checkpointName } from '../store/slice-write.ts';
import type { Store } from '../store/store.ts';
import {
  bundleFormat,
  databaseName,
  logMember,
  manifestName,
  mostLogBytes,
  type Manifest,
} from './manifest.ts';
import { ZipWriter, type Written } from './zip-writer.ts';

export interface BundleSource {
  store: Store;
  appVersion: string;
  /** Folder with the built page of the report. */
  reportDir: string;
  runDir(id: number): string;
  logs: Pick<RunLogs, 'copy'>;
}

const texts: [member: string, format: TextFormat][] = [
  ['report.html', 'report'],
  ['runs.csv', 'runs'],
  ['metrics.csv', 'metrics'],
  ['samples.csv', 'samples'],
];

/**
 * @param path of the file to be written, in a folder where parts of it may lie meanwhile
 * @param signal breaks it off between two members and within a large one
 * @throws AppError NOT_FOUND, CONFLICT for a run that is not over, UNAVAILABLE without the report's page
 */
export async function writeBundle(
  { store, appVersion, reportDir, runDir, logs }: BundleSource,
  ids: readonly number[],
  path: string,
  checkpoints: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const parts = join(dirname(path), 'parts');
  await mkdir(parts, { recursive: true });
  try {
    const database = join(parts, databaseName);
    await store.writeSlice(ids, database, checkpoints);
    signal?.throwIfAborted();
    const zip = await ZipWriter.create(path, { ...(signal && { signal }) });
    try {
      const members: Written[] = [await zip.addFile(databaseName, database)];
      for (const [member, format] of texts) {
        const file = join(parts, member);
        const text = await exportRuns(store, ids, format, { appVersion, reportDir });
        await writePieces(file, text, signal);
        members.push(await zip.addFile(member, file));
        await rm(file);
      }
      const runs: Manifest['runs'] = [];
      for (const id of ids) {
        const { summary, config, command } = await store.getRun(id);
        runs.push({ id, name: summary.name });
        const text = JSON.stringify(config ?? command, null, 1);
        if (config ?? command) members.push(await zip.addText(`configs/${id}.json`, `${text}\n`));
        const log = join(parts, 'log');
        if ((await logs.copy(id, log)) && (await stat(log)).size <= mostLogBytes)
          members.push(await zip.addFile(logMember(id), log));
        await rm(log, { force: true });
        if (!checkpoints) continue;
        for (const name of await readdir(runDir(id)).catch(() => []))
          if (checkpointName.test(name))
            members.push(
              await zip.addFile(`checkpoints/${id}/${name}`, join(runDir(id), name), false),
            );
      }
      const manifest: Manifest = {
        kind: 'hugginggreen-bundle',
        format: bundleFormat,
        schema: schemaVersion,
        appVersion,
        createdAt: new Date().toISOString(),
        host: hostname(),
        runs,
        members,
      };
      await zip.addText(manifestName, `${JSON.stringify(manifest, null, 1)}\n`);
      await zip.finish();
    } catch (cause) {
      await zip.abandon();
      throw cause;
    }
  } finally {
    await rm(parts, { recursive: true, force: true });
  }
}

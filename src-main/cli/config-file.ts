/** An experiment config from a file, or from standard input. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { AppError } from '../contract.ts';
import { presets } from '../core/experiments/index.ts';
import { parseExperimentConfig, type ExperimentConfig } from '../experiment-config.ts';
import { didYouMean } from '../nearest.ts';

/**
 * @param path of a file, or the name of a preset where there is no such file.
 * @throws AppError BAD_INPUT that names the file, the key and what is wrong with it.
 */
export async function readConfig(path: string): Promise<ExperimentConfig> {
  const preset = presets().find(({ id }) => id === path);
  if (preset && !existsSync(path)) return preset.config;
  return configOf(await readJson(path), path);
}

/** @throws AppError BAD_INPUT that names the file, the key and what is wrong with it. */
export function configOf(input: unknown, path: string): ExperimentConfig {
  const result = parseExperimentConfig(input);
  if (!result.ok) {
    const lines = result.issues.map(
      ({ path: key, message }) => `  ${key ? `${key}: ` : ''}${message}`,
    );
    throw new AppError(
      'BAD_INPUT',
      `${path} cannot be run:\n${lines.join('\n')}`,
      'All keys with their meaning: hugginggreen options',
      result.issues,
    );
  }
  const name = result.config.name || basename(path).replace(/\.json$/, '');
  return { ...result.config, name };
}

/** @throws AppError BAD_INPUT that names the file. */
export async function readJson(path: string): Promise<unknown> {
  const source = await read(path);
  try {
    return JSON.parse(source) as unknown;
  } catch (cause) {
    throw new AppError('BAD_INPUT', `${path} is not JSON: ${(cause as Error).message}.`);
  }
}

async function read(path: string): Promise<string> {
  if (path === '-') return text(process.stdin);
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const names = presets().map(({ id }) => id);
    throw new AppError(
      'BAD_INPUT',
      code === 'ENOENT'
        ? `There is no file ${path}, and no preset of that name${didYouMean(path, names)}`
        : `${path} cannot be read: ${message}.`,
      code === 'ENOENT' ? `Presets: ${names.join(', ')}.` : null,
    );
  }
}

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { readable } from '../../../src-main/core/store/database.ts';
import { migrations } from '../../../src-main/core/store/migrations/index.ts';
import { openDatabase } from '../../../src-main/core/store/open.ts';
import { requestQueue } from '../../../src-main/core/store/requests.ts';
import { openStore, type StoreReply } from '../../../src-main/core/store/store.ts';
import { batch, folder, gpu, meter, newRun, openScene, steady, utc } from './scene.ts';

describe('opening the file', () => {
  it('makes a new one, and finds what was stored when it opens it again', async () => {
    const file = join(folder(), 'data.sqlite');
    const store = await openScene(file);
    expect(store.opened).toEqual({
      setAside: null,
      migratedFrom: null,
      copy: null,
      schema: migrations.length,
    });
    const id = await store.createRun(newRun('kept'));
    await store.close();
    const again = await openScene(file);
    expect(again.opened).toMatchObject({ setAside: null, copy: null });
    expect((await again.getSummary(id)).name).toBe('kept');
  });

  it('sets a file aside that is no database, keeps it, and starts clean', async () => {
    const dir = folder();
    const file = join(dir, 'data.sqlite');
    writeFileSync(file, 'not a database '.repeat(1000));
    const store = await openScene(file);
    expect(store.opened.setAside).toMatch(/data\.sqlite\.damaged-/);
    expect(readFileSync(store.opened.setAside!, 'utf8')).toMatch(/^not a database/);
    expect(await store.listRuns()).toEqual([]);
    expect(await store.createRun(newRun('new'))).toBe(1);
  });

  it('finds damage in the middle of the file after a crash', async () => {
    const dir = folder();
    const file = join(dir, 'data.sqlite');
    const store = await openStore({ file, log: () => {} });
    await meter(store, 'a', [gpu]);
    await store.addSamples(batch('a', 0, 1000, { [gpu.key]: steady(1) }));
    await store.close();
    const db = new Database(file);
    db.exec('update launch set closed_ms = null');
    db.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, 4096 * 30, 4096 * 34);
    writeFileSync(file, bytes);
    const clean = await openScene(file);
    expect(clean.opened.setAside).not.toBeNull();
    expect(readFileSync(clean.opened.setAside!).equals(bytes)).toBe(true);
  });

  it('checks the file at the next start when a question found it damaged', async () => {
    const file = join(folder(), 'data.sqlite');
    const store = await openScene(file);
    await store.createRun(newRun('x'));
    await store.close();
    const db = new Database(file);
    const root = Number(
      db.prepare(`select rootpage from sqlite_schema where name = 'run'`).pluck().get(),
    );
    db.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, 4096 * (root - 1), 4096 * root);
    writeFileSync(file, bytes);
    const unaware = await openScene(file);
    expect(unaware.opened.setAside).toBeNull();
    await expect(unaware.listRuns()).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining('damaged'),
      hint: expect.stringContaining('sets the damaged file aside'),
    });
    await unaware.close();
    expect((await openScene(file)).opened.setAside).not.toBeNull();
  });

  it('refuses a newer schema and a database of another program, and leaves them alone', async () => {
    const dir = folder();
    const newer = join(dir, 'newer.sqlite');
    await (await openScene(newer)).close();
    let db = new Database(newer);
    db.pragma('user_version = 99');
    db.close();
    await expect(openStore({ file: newer })).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining('newer HuggingGreen (schema 99'),
      hint: expect.stringContaining('Update'),
    });
    const other = join(dir, 'other.sqlite');
    db = new Database(other);
    db.exec('create table mine (x)');
    db.close();
    await expect(openStore({ file: other })).rejects.toThrow(/another program/);
    expect(readdirSync(dir).filter((name) => name.includes('damaged'))).toEqual([]);
  });

  it('says in words that the folder is missing', async () => {
    await expect(openStore({ file: join(folder(), 'no', 'data.sqlite') })).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining('does not exist'),
    });
  });

  it('copies the file before it migrates, and takes a failed migration back whole', async () => {
    const file = join(folder(), 'data.sqlite');
    const store = await openScene(file);
    const id = await store.createRun(newRun('old'));
    await store.close();

    const broken = [...migrations, 'alter table run add column colour text; select nonsense;'];
    expect(() => openDatabase(Database, file, broken)).toThrow(/nonsense/);
    const next = [...migrations, `alter table run add column colour text default 'green'`];
    const { writer, reader, opened } = openDatabase(Database, file, next);
    expect(writer.prepare('select name, colour from run where id = ?').get(id)).toEqual({
      name: 'old',
      colour: 'green',
    });
    expect(opened).toMatchObject({
      migratedFrom: migrations.length,
      schema: migrations.length + 1,
    });
    reader.close();
    writer.close();
    const copy = new Database(opened.copy!, { readonly: true });
    expect(copy.pragma('user_version', { simple: true })).toBe(migrations.length);
    expect(copy.prepare('select name from run').pluck().all()).toEqual(['old']);
    copy.close();
  });
});

describe('asking', () => {
  it('lets no read write', () => {
    const { writer, reader } = openDatabase(Database, join(folder(), 'data.sqlite'));
    expect(() => readable(reader).all('delete from run returning id')).toThrow(/readonly/);
    reader.close();
    writer.close();
  });

  it('takes a failed write back alone, not the others of its batch', async () => {
    const store = await openScene();
    const id = await store.createRun(newRun('one'));
    const [renamed, unknown, noted] = await Promise.allSettled([
      store.renameRun(id, 'two'),
      store.addNote(99, { at: 0, level: 'info', message: 'to nobody' }),
      store.addNote(id, { at: 0, level: 'info', message: 'to one' }),
    ]);
    expect([renamed.status, unknown.status, noted.status]).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(unknown).toMatchObject({
      reason: { code: 'NOT_FOUND', message: 'There is no run 99.' },
    });
    const { summary, notes } = await store.getRun(id);
    expect(summary.name).toBe('two');
    expect(notes.map(({ message }) => message)).toEqual(['to one']);
  });

  it('answers nobody after it was closed, instead of leaving them waiting', async () => {
    const store = await openScene();
    await store.close();
    await expect(store.listRuns()).rejects.toMatchObject({ code: 'STORE' });
  });

  it('says that the disk is full, keeps what was stored, and goes on when there is space', async () => {
    const file = join(folder(), 'data.sqlite');
    const database = openDatabase(Database, file);
    const replies = new Map<number, StoreReply>();
    const take = requestQueue(
      database,
      file,
      (reply) => 'id' in reply && replies.set(reply.id, reply),
      () => {},
    );
    let count = 0;
    const ask = async (name: string, ...values: unknown[]): Promise<StoreReply> => {
      const id = ++count;
      take({ id, name, values });
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      return replies.get(id)!;
    };
    await ask('createRun', newRun('before'));
    await ask('addSession', 'a', { micros: 0, utc });
    await ask('addComponents', 'a', [gpu]);
    const pages = Number(database.writer.pragma('page_count', { simple: true }));
    database.writer.pragma(`max_page_count = ${pages + 2}`);
    const many = batch('a', 0, 2000, { [gpu.key]: steady(1) });
    expect(await ask('addSamples', many)).toMatchObject({
      type: 'failure',
      error: { code: 'DISK_FULL' },
    });
    expect(await ask('listRuns')).toMatchObject({ type: 'answer', value: [{ name: 'before' }] });
    database.writer.pragma(`max_page_count = ${pages + 10_000}`);
    expect(await ask('addSamples', many)).toMatchObject({ type: 'answer' });
    expect(await ask('close')).toMatchObject({ type: 'answer' });
    expect(existsSync(`${file}-wal`)).toBe(false);
  });
});

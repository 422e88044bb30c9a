import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDownloads } from '../../src-main/core/downloads.ts';
import { contentSecurityPolicy } from '../../src-main/core/page.ts';
import { removeHome, temporaryHome } from '../fixtures/host.ts';

let home: string;
beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(() => removeHome(home));

test('a page for a frame is shown, of no origin, and in frames of ours only; a file is kept', async () => {
  const downloads = createDownloads(join(home, 'exports'));
  const write = (path: string) => writeFile(path, '<!doctype html>');
  const type = 'text/html;charset=utf-8';
  const { file: framed } = await downloads.make('report.html', type, write, true);
  const { file: saved } = await downloads.make('report.html', type, write);
  const headers = async (url: string) => (await downloads.find(url))!.headers;
  const page = await headers(framed.url);
  expect(page['content-disposition']).toMatch(/^inline;/);
  const rules = page['content-security-policy']!.split('; ');
  expect(rules).toContain("frame-ancestors 'self'");
  // without allow-same-origin it reaches nothing of the program's, without allow-popups or -forms nothing else
  expect(rules).toContain('sandbox allow-scripts allow-modals');
  expect(page['x-content-type-options']).toBe('nosniff');
  const kept = await headers(saved.url);
  expect(kept['content-disposition']).toMatch(/^attachment;/);
  expect(kept['content-security-policy']).toBe(contentSecurityPolicy);
  expect(contentSecurityPolicy).toContain("frame-src 'self'");
  expect(contentSecurityPolicy).toContain("frame-ancestors 'none'");
  await downloads.close();
});

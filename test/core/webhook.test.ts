/** A webhook against a real server on this computer. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createEvents } from '../../src-main/core/events.ts';
import { createWebhook, type WebhookMessage } from '../../src-main/core/webhook.ts';
import type { Events, RunSummary } from '../../src-main/contract.ts';
import { config, fixtureOptions, removeHome, startHost, temporaryHome } from '../fixtures/host.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server that keeps what it is sent. */
async function serve(answer: (response: ServerResponse) => void) {
  const heard: { message: WebhookMessage; type: string | undefined }[] = [];
  const watchers = new Set<() => void>();
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => (body += piece));
    request.on('end', () => {
      const type = request.headers['content-type'];
      heard.push({ message: JSON.parse(body) as WebhookMessage, type });
      answer(response);
      for (const watch of watchers) watch();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const until = (event: WebhookMessage['event']): Promise<WebhookMessage> =>
    new Promise((resolve) => {
      const watch = (): void => {
        const found = heard.find(({ message }) => message.event === event);
        if (found) resolve(found.message);
      };
      watchers.add(watch);
      watch();
    });
  return { url: `http://127.0.0.1:${port}/secret-path`, heard, until };
}
const taken = (response: ServerResponse): void => void response.writeHead(204).end();

function hook(address: string | null, patienceMs?: number) {
  const events = createEvents();
  const notices: Events['notice'][] = [];
  const webhook = createWebhook({
    events,
    address: () => address,
    notice: (notice) => notices.push(notice),
    ...(patienceMs && { patienceMs }),
  });
  closing.push(() => webhook.close());
  return { events, notices, webhook };
}

const run = (status: RunSummary['status'], more: Partial<RunSummary> = {}) =>
  ({
    ...{ id: 3, name: 'small', status, macroF1: 0.8, microF1: 0.81, f1Split: 'test' },
    ...{ wh: 0.5, gCO2e: null, seconds: 60, error: null, ...more },
  }) as RunSummary;

it('hears of the end of a run, with its figures, and of what is told by notifications', async () => {
  const { url, heard, until } = await serve(taken);
  const { events, notices } = hook(url);
  events.emit('run', run('running'));
  events.emit('run', run('done'));
  events.emit('run', run('done'));
  expect(await until('done')).toEqual({
    event: 'done',
    program: 'HuggingGreen',
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    title: 'small is done',
    message: 'macro F1 0.800, 0.5 Wh',
    run: {
      ...{ id: 3, name: 'small', status: 'done', macroF1: 0.8, microF1: 0.81, f1Split: 'test' },
      ...{ wh: 0.5, gCO2e: null, seconds: 60 },
    },
  });
  events.emit('notice', { level: 'warning', message: 'only in the window', hint: null });
  events.emit('notice', { level: 'warning', message: '80 % is used', hint: null, title: 'Budget' });
  expect(await until('warning')).toMatchObject({
    title: 'Budget',
    message: '80 % is used',
    run: null,
  });
  expect(heard).toHaveLength(2);
  expect(heard[0]!.type).toBe('application/json');
  expect(notices).toEqual([]);
});

it('that refuses, hangs, leads elsewhere or is not there is a notice, without its path', async () => {
  const failing = [
    [(await serve((response) => void response.writeHead(500).end())).url, 'answered with HTTP 500'],
    [(await serve(() => {})).url, 'did not answer within 0.05 s'],
    [
      (await serve((response) => void response.writeHead(302, { location: '/elsewhere' }).end()))
        .url,
      'could not be reached',
    ],
    ['http://127.0.0.1:1/secret-path', 'could not be reached'],
  ] as const;
  for (const [url, words] of failing) {
    const { events, notices, webhook } = hook(url, 50);
    events.emit('run', run('running'));
    events.emit('run', run('failed'));
    await webhook.close();
    expect(notices).toHaveLength(1);
    expect(notices[0]).toMatchObject({ level: 'warning', message: expect.stringContaining(words) });
    expect(JSON.stringify(notices)).not.toContain('secret-path');
  }
});

it('is off without an address', async () => {
  const { events, notices, webhook } = hook(null);
  events.emit('run', run('running'));
  events.emit('run', run('done'));
  await webhook.close();
  expect(notices).toEqual([]);
  await expect(webhook.test()).rejects.toMatchObject({ code: 'CONFLICT' });
});

it('is tested by a call, and no run waits for it', async () => {
  const home = await temporaryHome();
  closing.push(() => removeHome(home));
  const waiting: ServerResponse[] = [];
  const { url, until } = await serve((response) => void waiting.push(response));
  const own = await startHost(fixtureOptions(home));
  closing.push(() => own.host.close());
  await own.call('settings.set', { webhook: url });
  const testing = own.call('webhook.test', {});
  await until('test');
  waiting.forEach(taken);
  expect(await testing).toMatchObject({ status: 204 });

  // the server answers none of the next ones, and both runs come to their end
  const { ids } = await own.call('runs.start', { configs: [config('works'), config('works')] });
  await own.reached(ids[1]!, 'done');
  expect((await until('done')).run).toMatchObject({ id: ids[0], status: 'done', macroF1: 0.8 });
  waiting.forEach((response) => response.destroy());
});

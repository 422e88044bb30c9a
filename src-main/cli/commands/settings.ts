import * as v from 'valibot';
import { settingsSchema, type Settings } from '../../contract.ts';
import { exitCode, printJson, UsageError, type Command } from '../command.ts';
import { nearest } from '../../nearest.ts';
import { regionCode } from '../region.ts';
import { withSession } from '../session.ts';
import { missing, table } from '../text.ts';

export const settings: Command = {
  name: 'settings',
  usage: '[NAME=VALUE...]',
  summary: 'Shows the settings, or changes some: region, budget of the queue, webhook, meter.',
  details:
    'Values are JSON where they can be read so, else text; null unsets. Examples:\n' +
    '  hugginggreen settings region=France cpuTdpWatts=125\n' +
    '  hugginggreen settings ramMode=constant ramWatts=9.5\n' +
    '  hugginggreen settings queueBudgetWh=2000 queueBudgetPeriod=month\n' +
    '  hugginggreen settings webhook=https://example.org/hook --test-webhook\n' +
    '  hugginggreen settings \'cpuCurve={"idle":0.15,"span":0.75,"exponent":1}\'',
  options: {
    'test-webhook': { type: 'boolean', help: 'post a test to the webhook' },
  },
  run: async ({ positionals, json, flag }) => {
    const changes = readChanges(positionals);
    return withSession('settings', async (session) => {
      const now = concealed(
        positionals.length > 0
          ? await session.call('settings.set', changes)
          : await session.call('settings.get', {}),
      );
      const test = flag('test-webhook') ? await session.call('webhook.test', {}) : null;
      if (json) printJson(test ? { ...now, webhookTest: test } : now);
      else
        console.log(
          table(
            ['setting', 'value'],
            Object.entries(now).map(([name, value]) => [
              name,
              value === null ? missing : typeof value === 'string' ? value : JSON.stringify(value),
            ]),
          ),
        );
      if (test && !json)
        console.log(`\nThe webhook took a test (HTTP ${test.status}, ${test.milliseconds} ms).`);
      return exitCode.ok;
    });
  },
};

/** A key of somebody's account is not shown, only that there is one; a webhook's path may be one. */
const concealed = ({ webhook, ...all }: Settings): Record<string, unknown> => ({
  ...Object.fromEntries(
    Object.entries(all).map(([name, value]) => [
      name,
      /key$|token$/i.test(name) && value !== null ? '(set)' : (value as unknown),
    ]),
  ),
  webhook: webhook && `${new URL(webhook).origin}/...`,
});

/** @throws UsageError on what is no setting, and on a value that it cannot have. */
function readChanges(words: readonly string[]): Partial<Settings> {
  const names = Object.keys(settingsSchema.entries);
  const changes: Record<string, unknown> = {};
  for (const word of words) {
    const [, name, text] = /^([^=]+)=([^]*)$/.exec(word) ?? [];
    if (name === undefined || text === undefined)
      throw new UsageError(`"${word}" is not NAME=VALUE.`);
    if (!names.includes(name)) {
      const near = nearest(name, names);
      throw new UsageError(
        `There is no setting "${name}"${near === null ? `; there are ${names.join(', ')}.` : `; did you mean ${near}?`}`,
      );
    }
    const schema = settingsSchema.entries[name as keyof Settings];
    const value = [parsed(text), text].find((candidate) => v.is(schema, candidate));
    if (value === undefined) {
      const [issue] = v.safeParse(schema, parsed(text)).issues ?? [];
      throw new UsageError(`${name}: ${issue?.message ?? 'not a value for this setting'}`);
    }
    changes[name] = name === 'region' ? regionCode(String(value)) : value;
  }
  return changes;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

import { expect, test } from 'vitest';
import { statusLine, statusTopic, type StatusInput } from '../../src-main/contract/status-line.ts';

const training: StatusInput = {
  run: { status: 'running', step: 840, steps: 2340, imagesPerSecond: 212.4, wh: null, gCO2e: null },
  energy: { watts: 41.2, wh: 0.8412, gCO2e: 0.2433 },
  activity: { label: 'Compiling the steps', fraction: 1 },
  outlook: { seconds: [240, 299] },
};

test('the one sentence about a run that trains', () => {
  expect(statusLine(training)).toBe(
    'step 840/2340 · 36 % · ETA 4-5 min · 212 img/s · 41 W · 0.84 Wh · 0.24 gCO2e',
  );
  expect(statusTopic(training)).toBeNull();
  const last = { ...training.run, step: 2339 };
  expect(statusLine({ ...training, run: last })).toMatch(/^step 2339\/2340 · 99 %/);
});

test('it follows how a person has numbers written', () => {
  const style = { energy: 'J', write: (number: string) => number.replace('.', ',') } as const;
  expect(statusLine(training, style)).toMatch(/ · 41 W · 3,0 kJ · 0,24 gCO2e$/);
});

test('what is missing is left out, never 0', () => {
  const run = { ...training.run, imagesPerSecond: null };
  const energy = { watts: null, wh: null, gCO2e: null };
  expect(statusLine({ ...training, run, energy, outlook: null })).toBe('step 840/2340 · 36 %');
  expect(statusLine({ ...training, run, energy: null, outlook: { seconds: null } })).toBe(
    'step 840/2340 · 36 %',
  );
});

test('before the first step it says what is done, and how long the whole takes', () => {
  const input = { ...training, run: { ...training.run, step: null } };
  const compiling = { ...input, activity: { label: 'Compiling the steps', fraction: 0.5 } };
  expect(statusLine(compiling)).toBe(
    'Compiling the steps 50 % · ETA 4-5 min · 41 W · 0.84 Wh · 0.24 gCO2e',
  );
  expect(statusTopic(compiling)).toBe('Compiling the steps');
  expect(statusLine({ ...input, activity: null })).toMatch(/^Starting · ETA/);
});

test('a run that waits, stops or is over tells no power and no time to go', () => {
  const of = (status: StatusInput['run']['status']): string =>
    statusLine({
      ...training,
      run: { ...training.run, status, wh: 0.9, gCO2e: 0.3 },
      energy: status === 'stopping' ? training.energy : null,
    });
  expect(of('stopping')).toBe('Stopping with a checkpoint · 41 W · 0.84 Wh · 0.24 gCO2e');
  expect(of('stopped')).toBe('Stopped · 0.90 Wh · 0.30 gCO2e');
  expect(of('baseline')).toMatch(/^Measuring idle power/);
  const waits = { ...training.run, status: 'queued' as const, step: null };
  expect(statusLine({ ...training, run: waits, energy: null, activity: null })).toBe(
    'Waiting in the queue',
  );
  const cooling = { label: 'Cooling down to idle power', fraction: null };
  expect(statusLine({ ...training, run: waits, energy: null, activity: cooling })).toBe(
    cooling.label,
  );
});

/**
 * Processor power without a counter: sockets x TDP x (0.10 + 0.70 u^0.6), u the busy share of the whole
 * machine.
 *
 * The exponent lies below 1 because power saturates early (turbo, power limits). Over four machines
 * with RAPL as the truth its mean error is 13.5 % of TDP and its energy ratio 1.01, where the usual cube
 * reads 0.66; README.md has the table. It is a model and is labelled one: half band 25 % of the TDP, 50 %
 * where even the TDP is a guess.
 */
import { CpuLoad } from '../load.ts';
import { unknownWattsPerThread } from '../tdp.ts';
import { SampleFlag } from '../messages.ts';
import type { CpuCurve } from '../messages.ts';
import { emptyReading, idleSource, readerOf } from './source.ts';
import type { Component, Source, SourceContext, SourceDefinition } from './source.ts';

export const defaultCurve: CpuCurve = { idle: 0.1, span: 0.7, exponent: 0.6 };

/** Watts of one socket at busy share `u` (0..1). */
export const modelledWatts = (tdpWatts: number, u: number, curve = defaultCurve): number =>
  tdpWatts * (curve.idle + curve.span * u ** curve.exponent);

/** Intel's unlocked parts hold their turbo limit, about twice the TDP, for minutes. */
const exceedsItsTdp = /\b(i\d-\d{4,5}|ultra \d \d{3})K[FS]?\b/i;

/** Shorter intervals hold too few scheduler ticks (10 ms each) for a share. */
const windowMicros = 500_000;

function open(context: SourceContext): Source {
  const reader = readerOf('cpu', context);
  if (reader) return idleSource('unused', `${reader.definition.label} reads the processor.`);

  const { cpu, virtual } = context.inventory;
  const known = cpu.tdpWatts;
  const tdp = (known ?? unknownWattsPerThread * cpu.cores) / (known === null ? cpu.sockets : 1);
  const curve = context.settings.cpuCurve ?? defaultCurve;
  const formula = `TDP x (${curve.idle.toFixed(2)} + ${curve.span.toFixed(2)} u^${curve.exponent})`;
  const curveOrigin = context.settings.cpuCurve === null ? '' : '; curve given in the settings';
  const load = new CpuLoad(context.settings.paths.procStat);
  const energy = context.ledger.power('cpu', 'cpu-model');
  const reading = emptyReading();
  const origin =
    known === null
      ? `${unknownWattsPerThread} W for each of ${cpu.cores} threads, because the model is not in the table`
      : `TDP ${known} W (${cpu.tdpMatch})`;
  const component: Component = {
    info: {
      key: 'cpu',
      kind: 'cpu',
      name: cpu.sockets > 1 ? `${cpu.sockets} x ${cpu.brand}` : cpu.brand,
      source: 'cpu-model',
      provenance: 'modelled',
      uncertaintyPercent: null,
      uncertaintyWatts: (known === null ? 0.5 : 0.25) * tdp * cpu.sockets,
      method: `${formula} x ${cpu.sockets} socket(s), u from ${load.method}; ${origin}${curveOrigin}`,
    },
    reading,
    alive: true,
  };

  let last: number | null = null;
  load.busyShare();
  return {
    health: {
      state: 'reading',
      detail:
        `Estimated from ${origin}${curveOrigin}.` +
        (known !== null && exceedsItsTdp.test(cpu.brand)
          ? ' Desktop parts of this kind (K, KF, KS) exceed their TDP for minutes: a lower bound.'
          : '') +
        (virtual && known !== null
          ? ' In a virtual machine the whole socket of the host is charged.'
          : '') +
        (known === null ? '' : ' Another TDP can be typed in the settings.'),
      fix:
        known === null
          ? "Type the processor's TDP or base power in the settings (CPU TDP; on the command line: hugginggreen settings cpuTdpWatts=95); its data sheet has it."
          : null,
    },
    components: [component],
    read(now, exact) {
      reading.flags = 0;
      if (last === null || exact || now - last >= windowMicros) {
        const share = load.busyShare();
        if (share !== null) {
          const watts = modelledWatts(tdp, share, curve) * cpu.sockets;
          energy.charge(watts, now);
          reading.watts = watts;
          reading.utilPercent = 100 * share;
          last = now;
        } else if (last !== null && now - last > 10 * windowMicros) {
          // the load cannot be read any more
          reading.watts = null;
          reading.utilPercent = null;
        }
      }
      reading.joules = reading.watts === null ? null : energy.joules(now, Infinity);
      if (energy.takeGap()) reading.flags = SampleFlag.gap;
    },
    close: () => load.close(),
  };
}

export const cpuModel: SourceDefinition = { name: 'cpu-model', label: 'Processor model', open };

/**
 * Which graphics cards a run computes on, so that others on the machine are not charged to it.
 *
 * Cards are told apart by UUID: the driver library's order and CUDA's may differ. `CUDA_VISIBLE_DEVICES` is
 * read as CUDA reads it: indices, UUIDs or unique beginnings of them, MIG UUIDs; indices count the cards in
 * the order of the PCI bus, which is what the trainer is told too (`CUDA_DEVICE_ORDER`).
 */
import { AppError, type EngineName, type ExperimentConfig } from '../../contract.ts';
import type { ComponentInfo, Inventory } from '../../meter/messages.ts';

export type Card = Pick<Inventory['gpus'][number], 'name' | 'uuid' | 'busId' | 'mig'>;

export interface RunCards {
  /** Keys of the cards' components; null: every card that is read. */
  counted: string[] | null;
  /** For the environment of the process that computes. */
  env: Record<string, string>;
  /** What is doubtful about it. */
  note: string | null;
}

type Environment = Record<string, string | undefined>;

const keyOf = (uuid: string): string => `gpu:${uuid}`;

/** The cards of a machine, by the inventory where it is there, else by what is read. */
export function cardsOf(
  inventory: Inventory | null,
  components: readonly ComponentInfo[],
): readonly Card[] {
  const named = (inventory?.gpus ?? []).filter(({ uuid }) => uuid !== null);
  if (named.length > 0) return named;
  return components
    .filter(({ kind }) => kind === 'gpu')
    .map(({ key, name }) => ({ name, uuid: key.replace(/^gpu:/, '') }));
}

/** Engines that leave every card idle: the machine as a whole is looked at. */
const onProcessor: ReadonlySet<EngineName | 'auto'> = new Set(['cpu', 'wasm']);
const onCuda: ReadonlySet<EngineName | 'auto' | null> = new Set([
  'auto',
  'cuda',
  'tensorflow',
  null,
]);

/**
 * @param wanted the card named in the config; null: automatic
 * @param engine of the config; null for a command of the person's own
 * @param env of the process that will compute
 * @throws AppError BAD_INPUT where the card that is named is not on this machine
 */
export function runCards(
  {
    gpu: wanted,
    engine,
  }: { gpu: string | null; engine: ExperimentConfig['compute']['engine'] | null },
  env: Environment,
  cards: readonly Card[],
): RunCards {
  const order: Record<string, string> = env.CUDA_DEVICE_ORDER
    ? {}
    : { CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
  if (wanted !== null) {
    const { card, visible } = theCard(wanted, cards);
    const counted = engine !== null && onProcessor.has(engine) ? null : [keyOf(card.uuid!)];
    return {
      counted,
      env: isNvidia(card) ? { ...order, CUDA_VISIBLE_DEVICES: visible } : {},
      note: null,
    };
  }
  const list = env.CUDA_VISIBLE_DEVICES;
  if (list === undefined || !onCuda.has(engine)) return { counted: null, env: order, note: null };
  const seen = visibleCards(list, env, cards);
  return typeof seen === 'string'
    ? {
        counted: null,
        env: order,
        note: `CUDA_VISIBLE_DEVICES is "${list}", which cannot be told apart here: ${seen}. Every card is counted.`,
      }
    : { counted: seen.map(({ uuid }) => keyOf(uuid!)), env: order, note: null };
}

const isNvidia = ({ uuid }: Card): boolean => uuid?.startsWith('GPU-') ?? false;

/** The card that a UUID, a MIG UUID or the beginning of one names. */
function theCard(wanted: string, cards: readonly Card[]): { card: Card; visible: string } {
  const found = matches(wanted, cards);
  if (found.length === 1) return found[0]!;
  const there = cards.map(({ name, uuid }) => `${name} (${uuid})`).join(', ');
  throw new AppError(
    'BAD_INPUT',
    found.length > 1
      ? `"${wanted}" is the beginning of several cards' UUIDs.`
      : `This machine has no GPU "${wanted}".`,
    there
      ? `Its cards: ${there}. Name one by its UUID, or leave compute.gpu empty.`
      : 'Leave compute.gpu empty: no card can be read here.',
  );
}

function matches(text: string, cards: readonly Card[]): { card: Card; visible: string }[] {
  const start = text.trim().toLowerCase();
  if (start === '') return [];
  const named = cards.flatMap((card) =>
    [card.uuid!, ...(card.mig ?? [])].map((uuid) => ({ card, visible: uuid })),
  );
  const exact = named.filter(({ visible }) => visible.toLowerCase() === start);
  if (exact.length > 0) return exact;
  return named.filter(({ visible }) => visible.toLowerCase().startsWith(start));
}

/** The boards that CUDA will show, or why that cannot be told. */
function visibleCards(list: string, env: Environment, all: readonly Card[]): Card[] | string {
  const cards = inBusOrder(all.filter(isNvidia));
  const found: Card[] = [];
  if (list.trim() === '' || list.trim() === 'NoDevFiles') return found;
  const names = new Set(cards.map(({ name }) => name));
  for (const part of list.split(',').map((text) => text.trim())) {
    // CUDA shows what stands before the first -1
    if (part === '-1') break;
    if (/^\d+$/.test(part)) {
      if (env.CUDA_DEVICE_ORDER && env.CUDA_DEVICE_ORDER !== 'PCI_BUS_ID' && names.size > 1)
        return `CUDA_DEVICE_ORDER is ${env.CUDA_DEVICE_ORDER}, and the cards differ`;
      const card = cards[Number(part)];
      if (card === undefined) return `there is no card ${part}`;
      found.push(card);
      continue;
    }
    const named = /^(GPU|MIG)-/i.test(part) ? matches(part, cards) : [];
    if (named.length !== 1)
      return named.length > 1 ? `"${part}" fits several` : `"${part}" fits none`;
    found.push(named[0]!.card);
  }
  return [...new Set(found)];
}

const inBusOrder = (cards: readonly Card[]): readonly Card[] =>
  cards.every(({ busId }) => busId)
    ? [...cards].sort((a, b) => (a.busId!.toLowerCase() < b.busId!.toLowerCase() ? -1 : 1))
    : cards;

/** Whether a component adds to the run's figures. */
export const countsIn =
  ({ counted }: Pick<RunCards, 'counted'>) =>
  (key: string, kind: ComponentInfo['kind']): boolean =>
    counted === null || kind !== 'gpu' || counted.includes(key);

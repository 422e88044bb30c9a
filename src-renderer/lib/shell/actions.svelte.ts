/** What the actions of the table do here and now. */
import { actions, type ActionId, type ActionWords } from '../../../src-main/contract.ts';
import { isTyped } from './keys.ts';

export type Behaviour = () => unknown;
export type Behaviours = Partial<Record<ActionId, Behaviour | null>>;

/** A view that takes longer to come is no answer to what a person did. */
const arrivalMs = 3000;

export class Actions {
  /**
   * Those of the view that is shown. Not reactive itself: two effects that bind in one flush would each see the list
   * as it was before, and the later one would lose the other's.
   */
  #bound: readonly Behaviours[] = [];
  /** The frame's, bound anew as runs come and go: they stand behind those of the view all the same. */
  #frame: readonly Behaviours[] = [];
  #changes = 0;
  /** To be taken by the view that is on its way, and until when it may come. */
  #awaited: { id: ActionId; until: number } | null = null;
  /** Tells readers that something was bound or unbound. */
  #version = $state(0);

  /** What can be done from any view. @returns its undoing */
  bindFrame(behaviours: Behaviours): () => void {
    this.#frame = [...this.#frame, behaviours];
    this.#version = ++this.#changes;
    return () => {
      this.#frame = this.#frame.filter((other) => other !== behaviours);
      this.#version = ++this.#changes;
    };
  }

  /** What the view that is shown can do. @returns its undoing: `$effect(() => actions.bind({ ... }))`. */
  bind(behaviours: Behaviours): () => void {
    this.#bound = [...this.#bound, behaviours];
    this.#version = ++this.#changes;
    const awaited = this.#awaited;
    const act = awaited && behaviours[awaited.id];
    if (act) {
      this.#awaited = null;
      if (performance.now() < awaited.until) act();
    }
    return () => {
      this.#bound = this.#bound.filter((other) => other !== behaviours);
      this.#version = ++this.#changes;
    };
  }

  /** Null where the action has no meaning at present. */
  behaviour(id: ActionId): Behaviour | null {
    void this.#version;
    const all = [...this.#frame, ...this.#bound];
    return all.findLast((behaviours) => behaviours[id] !== undefined)?.[id] ?? null;
  }

  /** Those that can be taken now. */
  get available(): (ActionWords & { id: ActionId })[] {
    return actions.filter(({ id }) => this.behaviour(id) !== null);
  }

  /** False where it has no meaning at present. */
  take(id: ActionId): boolean {
    const act = this.behaviour(id);
    act?.();
    return act !== null;
  }

  /** Of an action of one view only: it is taken as soon as that view, to which one goes now, binds it. */
  takeThere(id: ActionId): void {
    this.#awaited = { id, until: performance.now() + arrivalMs };
  }

  /** Takes the action of a key; one without Ctrl or Cmd only while nobody types. */
  press(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const typing = target.closest?.('input, select, textarea, [contenteditable], [role="dialog"]');
    for (const { id, keys } of actions) {
      if (keys === null || (typing && !keys.startsWith('Mod+')) || !isTyped(keys, event)) continue;
      if (this.take(id)) event.preventDefault();
      return;
    }
  }
}

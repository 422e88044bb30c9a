/** The compiled steps of a stage, each compiled when it is first needed. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Engine, Program } from './engine/engine.ts';
import type { StepDefinition } from './recipes/index.ts';

export class Programs {
  readonly #engine: Engine;
  readonly #compiled = new Map<StepDefinition, Program>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Which of these are still to be compiled. */
  missing(definitions: Iterable<StepDefinition>): StepDefinition[] {
    return [...new Set(definitions)].filter((definition) => !this.#compiled.has(definition));
  }

  async compile(
    definitions: readonly StepDefinition[],
    onProgress: (fraction: number) => void,
  ): Promise<void> {
    for (const [i, definition] of definitions.entries()) {
      onProgress(i / definitions.length);
      await turn();
      this.#compiled.set(definition, await this.#engine.compile(definition.step, definition.specs));
    }
  }

  of(definition: StepDefinition): Program {
    const program = this.#compiled.get(definition);
    if (!program) throw new Error('a step was drawn that was not compiled');
    return program;
  }

  /** Frees all but these: every program holds the memory of its largest step. */
  async retain(definitions: Iterable<StepDefinition>): Promise<void> {
    const kept = new Set(definitions);
    for (const [definition, program] of this.#compiled)
      if (!kept.has(definition)) {
        this.#compiled.delete(definition);
        await program.dispose();
      }
  }
}

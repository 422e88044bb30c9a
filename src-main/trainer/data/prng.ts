/**
 * Counter-based random streams: one per (seed, stream, index), so that what is drawn for one image
 * does not depend on what was drawn for another (method B.4, I.2). Integer arithmetic only; the same
 * numbers on every platform and in every language.
 */

/** Murmur3's finaliser: mixes the bits of a 32-bit word. */
export function mix32(word: number): number {
  let x = word >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Chris Doty-Humphrey's sfc32, seeded from three words. */
export class Sfc32 {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `stream` keeps uses of one seed apart (for GreenSynth: the split). */
  constructor(seed: number, stream: number, index: number) {
    const h = mix32(mix32(mix32(seed ^ 0x243f6a88) ^ stream) ^ index);
    this.#a = h | 0;
    this.#b = mix32(h + 1) | 0;
    this.#c = mix32(h + 2) | 0;
    for (let i = 0; i < 12; i++) this.u32();
  }

  /** 0..2^32-1. */
  u32(): number {
    const drawn = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + drawn) | 0;
    return drawn >>> 0;
  }

  /** 0..n-1; exact for n up to 2^20. */
  randint(n: number): number {
    return Math.floor((this.u32() * n) / 4294967296);
  }

  /** In the open interval (0, 1). */
  unit(): number {
    return (this.u32() + 0.5) / 4294967296;
  }
}

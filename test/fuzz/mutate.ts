/** A small generator of numbers that a seed repeats: findings can be replayed. @see Steele et al., "SplitMix" (2014) */
export class Luck {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % limit;
  }
}

/** Octets that mean something in a message: lengths at their limits, pointers, types. */
const TELLING = [0, 1, 12, 41, 63, 64, 0x7f, 0x80, 0xc0, 0xff];

/** A copy of `octets` with one to eight changes: octets replaced, cut out, doubled, or the end cut off. */
export function mutate(octets: Uint8Array, luck: Luck): Uint8Array {
  let mutant = Array.from(octets);
  for (let changes = 1 + luck.below(8); changes > 0; changes--) {
    const at = luck.below(mutant.length + 1);
    const span = 1 + luck.below(8);
    switch (luck.below(5)) {
      case 0:
        mutant[at] = TELLING[luck.below(TELLING.length)] ?? 0;
        break;
      case 1:
        mutant[at] = luck.below(256);
        break;
      case 2:
        mutant.splice(at, span);
        break;
      case 3:
        mutant.splice(at, 0, ...mutant.slice(at, at + span));
        break;
      default:
        mutant = mutant.slice(0, at);
    }
  }
  return Uint8Array.from(mutant);
}

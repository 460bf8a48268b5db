import type { Milliseconds } from '../../src/clock.ts';
import { seededChance } from '../../src/demo/cluster-faults.ts';
import type { Question } from '../../src/wire/question.ts';

/** Decides of each datagram to a server, by its question and when it comes, whether it or its answer is lost. */
export type Loss = (question: Question, at: Milliseconds) => boolean;

/** Loses this share of the datagrams in each direction, the same ones each time. */
export function lossOf(share: number, seed: number): Loss {
  let state = seed;
  const happens = () => {
    // mulberry32: even enough, and the same on every machine.
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32 < share;
  };
  return () => happens() || happens();
}

/**
 * The same, but the n-th datagram of a question has its own luck, whatever was asked before it: of two daemons that ask
 * the same names, both lose the same datagrams.
 */
export function lossOfEach(share: number, seed: number): Loss {
  const sent = new Map<string, number>();
  return ({ qname, qtype }) => {
    const key = `${seed} ${qname.toLowerCase()} ${qtype}`;
    const number = sent.get(key) ?? 0;
    sent.set(key, number + 1);
    const chance = seededChance(hashOf(`${key} ${number}`));
    return chance() < share || chance() < share;
  };
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return hash;
}

/** A middlebox that takes the second datagram of a name for a repetition of the first, within 20 ms. */
export function middlebox(): Loss {
  const passed = new Map<string, Milliseconds>();
  return ({ qname }, at) => {
    const last = passed.get(qname);
    if (last !== undefined && at - last < 20) return true;
    passed.set(qname, at);
    return false;
  };
}

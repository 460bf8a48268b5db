import { readFile } from 'node:fs';
import { loadMadvise } from '../../listen/libc.ts';

/** A part of this process's address space. */
export interface Span {
  readonly at: number;
  readonly octets: number;
}

/** Unmaps the pages of a span; they are mapped again as they are used. */
export type Unmap = (span: Span) => void;

/** How much is unmapped in one turn of the event loop: half of Node's program, in half a millisecond. */
const PIECE = 16 * 1024 * 1024;
/** Smaller mappings, most of them of libraries, have 1 of 46 MiB in all. */
const WORTH_IT = 512 * 1024;
/** madvise(2) */
const MADV_DONTNEED = 4;

/**
 * Unmaps what a start has read of the program's files, and most of which a lookup does not need. The files stay in the
 * page cache, so what is needed after all is mapped again without being read.
 *
 * @param pause - Called before each turn; it may end this by rejecting.
 */
export async function unmapStartPages(unmap: Unmap, pause: () => Promise<void>): Promise<void> {
  for (const { at, octets } of unchangedFiles(await ownMappings())) {
    if (octets < WORTH_IT) continue;
    for (let done = 0; done < octets; done += PIECE) {
      await pause();
      unmap({ at: at + done, octets: Math.min(PIECE, octets - done) });
    }
  }
}

/**
 * The mapped files of which the process has changed nothing, and cannot: programs, libraries and their constants, but
 * not what the linker has relocated, which would be lost.
 *
 * @param smaps - /proc/PID/smaps (proc(5)). A mapping whose changed pages it does not count is taken for a changed one.
 */
export function unchangedFiles(smaps: string): Span[] {
  const mappings = smaps.matchAll(/^([\da-f]+)-([\da-f]+) r-[-x]p .* \/.*\n((?:[A-Z].*\n)+)/gm);
  return [...mappings].flatMap(([, from = '', to = '', counts = '']) => {
    const isUnchanged = /^Anonymous: +0 kB$/m.test(counts) && /^Swap: +0 kB$/m.test(counts);
    const at = Number.parseInt(from, 16);
    return isUnchanged ? [{ at, octets: Number.parseInt(to, 16) - at }] : [];
  });
}

/** @returns Nothing where the kernel does not tell. */
function ownMappings(): Promise<string> {
  return new Promise((resolve) => {
    readFile('/proc/self/smaps', 'latin1', (error, text) => resolve(error ? '' : text));
  });
}

/** @returns `undefined` where there is no koffi. */
export function loadUnmap(): Unmap | undefined {
  try {
    const madvise = loadMadvise();
    return ({ at, octets }) => void madvise(at, octets, MADV_DONTNEED);
  } catch {
    return undefined;
  }
}

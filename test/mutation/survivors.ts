import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** Mutants that no test can or should notice. */
export interface Survivor {
  /** From the root of the repository. */
  readonly file: string;
  /** Part of the line that is mutated; it stands in the file once. */
  readonly code: string;
  /** What the mutated part becomes, where only one of the line's mutants is meant. */
  readonly becomes?: string;
  readonly why: string;
}

export const SURVIVORS: readonly Survivor[] = [
  {
    file: 'src/resolve/conformance.ts',
    code: 'this.doubts++;',
    why: 'only whether it is what it was is asked, whichever way it counts',
  },
  {
    file: 'src/resolve/conformance.ts',
    code: "if (verdict === 'failure') throw new Error(",
    becomes: '``',
    why: 'no answer is no verdict, whatever it is called: the text is for whoever debugs',
  },
  {
    file: 'src/resolve/cuts.ts',
    code: "labels.at(-count) ?? ''",
    becomes: '"Stryker was here!"',
    why: 'count is never larger than the list; the default is for the compiler',
  },
  {
    file: 'src/resolve/cuts.ts',
    code: 'if (cut?.used === true && this.options.trusted())',
    becomes: 'cut.used',
    why: 'a cut that goes cancels its timer, so a timer that fires finds it',
  },
  {
    file: 'src/resolve/scrub.ts',
    code: "const key = keys[index] ?? '';",
    why: 'there is a key for each record; the default is for the compiler',
  },
  {
    file: 'src/resolve/scrub.ts',
    code: "lowest.get(keys[index] ?? '')",
    becomes: '"Stryker was here!"',
    why: 'there is a key for each record; the default is for the compiler',
  },
  {
    file: 'src/resolve/scrub.ts',
    code: 'return ttl === rr.ttl ? rr',
    becomes: 'false',
    why: 'a copy is equal; the original only saves making one',
  },
  {
    file: 'src/upstream/stream-connection.ts',
    code: 'this.unsent = [];',
    why: 'a connection opens once; it is emptied to let go of what it held',
  },
  {
    file: 'src/upstream/stream-transport.ts',
    code: 'this.connections.clear();',
    why: 'nobody waits on what was destroyed; it is let go of, no more',
  },
  {
    file: 'src/upstream/stream-transport.ts',
    code: 'this.connections.delete(connection);',
    why: 'nobody waits on what was lost; it is let go of, no more',
  },
  {
    file: 'src/upstream/stream-transport.ts',
    code: 'inFlight.closed = true;\n  inFlight.listener',
    why: 'a question waits in one place, so that nothing fails it twice',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (error instanceof UpstreamError) tallies',
    becomes: 'true',
    why: 'a bug has no reason, and a set counts nothing that is not in it',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (this.latest?.server.dead === true && this.next',
    becomes: 'this.latest.server',
    why: 'a walk begins by asking somebody; the question mark is for the compiler',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (this.word === undefined || place < this.word.place)',
    becomes: 'place <= this.word.place',
    why: 'a place has one word',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'if (other < place) return true;',
    becomes: 'other <= place',
    why: 'a place that has had its word is not open any more',
  },
  {
    file: 'src/upstream/succession.ts',
    code: 'this.deadline?.cancel();',
    becomes: 'this.deadline.cancel',
    why: 'a walk begins with its timers; the question mark is for the compiler',
  },
  {
    file: 'src/wire/frame.ts',
    code: 'if (needed <= this.room.length) return;',
    becomes: 'needed < this.room.length',
    why: 'room that is just enough is copied once more, no more than that',
  },
  {
    file: 'src/wire/frame.ts',
    code: 'Math.max(needed, 2 * this.room.length)',
    becomes: '2 / this.room.length',
    why: 'the room is still enough; it grows in smaller steps',
  },
  {
    file: 'src/wire/truncation.ts',
    code: 'return answer.slice(0, fit).filter(',
    becomes: 'answer',
    why: 'what stands behind `fit` is of an RRset that lost a record, and goes with it',
  },
];

/**
 * Why a mutant survives; `undefined` where nobody has said.
 *
 * @param line - From 1, where the mutated part begins.
 */
export function explanationOf(file: string, line: number, replacement: string): string | undefined {
  const survivor = SURVIVORS.find(
    (each) =>
      each.file === file && (each.becomes ?? replacement) === replacement && lineOf(each) === line,
  );
  return survivor?.why;
}

/** The line, from 1, that a survivor speaks of; 0 where its code does not stand in the file exactly once. */
export function lineOf({ file, code }: Survivor): number {
  const [before = '', ...after] = readFileSync(join(ROOT, file), 'utf8').split(code);
  return after.length === 1 ? before.split('\n').length : 0;
}

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

export const SURVIVORS: readonly Survivor[] = [];

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

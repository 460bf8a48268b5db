import { isSame } from './raw-scalar.ts';

/** One change of a list; indexes are those before any change. */
export type ListChange =
  | { readonly kind: 'keep' | 'replace'; readonly index: number; readonly value: unknown }
  | { readonly kind: 'remove'; readonly index: number }
  /** Before the element at `index`, or after the last one. */
  | { readonly kind: 'insert'; readonly index: number; readonly value: unknown };

/**
 * Compares two lists whose elements are changed, inserted and removed, but never reordered.
 *
 * @param originOf - Returns an element as it was before the change.
 */
export function listChanges(
  before: readonly unknown[],
  after: readonly unknown[],
  originOf: (value: unknown) => unknown,
): ListChange[] {
  const changes: ListChange[] = [];
  let next = 0;
  let added: unknown[] = [];
  const closeGap = (end: number): void => {
    for (let index = next; index < end; index++) {
      const [value] = added;
      if (added.length === 0) changes.push({ kind: 'remove', index });
      else if (isSame(before[index], value)) changes.push({ kind: 'keep', index, value });
      else changes.push({ kind: 'replace', index, value });
      added = added.slice(1);
    }
    for (const value of added) changes.push({ kind: 'insert', index: end, value });
    added = [];
  };
  for (const value of after) {
    const index = before.indexOf(originOf(value), next);
    if (index === -1) {
      added.push(value);
    } else {
      closeGap(index);
      changes.push({ kind: 'keep', index, value });
      next = index + 1;
    }
  }
  closeGap(before.length);
  return changes;
}

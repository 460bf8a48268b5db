import { isAlias, isMap, isSeq, type Node, type Pair } from 'yaml';
import type { JsonPatch } from '../inject/json-patch.ts';
import { type DocumentTree, isMerge, keyOf, readTree, type TreeProblem } from './document-tree.ts';
import { editDocument } from './edit-document.ts';
import { EditError } from './edit-error.ts';
import { PatchedValue } from './patched-value.ts';
import { isSame } from './raw-scalar.ts';
import { styleOf } from './text-style.ts';

/** A patch for something inside a document. */
export interface Change {
  readonly path: readonly (string | number)[];
  readonly patch: JsonPatch;
}

/**
 * The text of a document with changes made in it: everything else is what it was, octet for octet.
 *
 * What was written is read again, and has to be what the patches make, down to the spelling of every scalar.
 *
 * @returns The text, or the place that cannot be changed and why.
 */
export function patchText(tree: DocumentTree, changes: readonly Change[]): string | TreeProblem {
  if (changes.length === 0) return tree.text;
  const patched = new PatchedValue(tree.value);
  for (const { path, patch } of changes) patched.apply(path, patch);
  const style = styleOf(tree.text, [...changes.map(({ path }) => nodeAt(tree, path)), tree.root]);
  try {
    const { text } = editDocument(tree, patched, style, new Map());
    const found = readTree(text);
    if ('text' in found && isSame(found.value, patched.current)) return text;
    return {
      offset: offsetOf(nodeAt(tree, changes[0]?.path ?? [])),
      reason: 'this cannot be changed',
    };
  } catch (error) {
    if (error instanceof EditError) return { offset: error.offset, reason: error.message };
    throw error;
  }
}

function nodeAt(tree: DocumentTree, path: readonly (string | number)[]): Node | undefined {
  let node: unknown = tree.root;
  for (const token of path) {
    if (isAlias(node)) node = tree.targets.get(node);
    if (isMap(node)) {
      const map = node;
      const isNamed = (pair: Pair): boolean => !isMerge(pair) && keyOf(pair, map) === String(token);
      node = map.items.findLast(isNamed)?.value;
    } else if (isSeq(node)) node = node.items[Number(token)];
    else return undefined;
  }
  return node as Node | undefined;
}

function offsetOf(node: Node | null | undefined): number {
  return node?.range?.[0] ?? 0;
}

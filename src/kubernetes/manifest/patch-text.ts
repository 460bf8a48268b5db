import { isDeepStrictEqual } from 'node:util';
import { isAlias, isMap, isSeq, type Node, type Pair } from 'yaml';
import { add, type Json, type JsonPatch, pointerTo } from '../inject/json-patch.ts';
import {
  namedTokens,
  RESTORE,
  type RestoreRecord,
  readRecord,
  recordText,
} from '../inject/restore-record.ts';
import { type DocumentTree, isMerge, keyOf, readTree, type TreeProblem } from './document-tree.ts';
import { type EditedDocument, editDocument, MERGED, type Spelling } from './edit-document.ts';
import { PatchedValue } from './patched-value.ts';
import { isSame, member, plainValue } from './raw-scalar.ts';
import { EditError } from './text-edits.ts';
import { styleOf, type TextStyle } from './text-style.ts';

/** A patch for a pod inside a document. */
export interface Change {
  readonly path: readonly (string | number)[];
  readonly patch: JsonPatch;
  /** Whether the change removes sidestub and restores what the pod's record holds. */
  readonly isRemoval: boolean;
}

/**
 * The text of a document with changes applied; the rest stays the same, octet for octet.
 *
 * The result is read again and has to equal the patched value, down to the spelling of every scalar.
 *
 * @returns The text, or the place that cannot be changed and why.
 */
export function patchText(tree: DocumentTree, changes: readonly Change[]): string | TreeProblem {
  if (changes.length === 0) return tree.text;
  const style = styleOf(tree.text, [...changes.map(({ path }) => nodeAt(tree, path)), tree.root]);
  try {
    const written = write(tree, changes, style);
    // Only now is it known how replaced values were spelled, and the record must say so.
    const recorded = withSpellings(tree, changes, written.overwritten);
    const text = recorded === changes ? written.text : write(tree, recorded, style).text;
    const found = readTree(text);
    if ('text' in found && isSame(found.value, patchedBy(tree, recorded).current)) return text;
    return {
      offset: offsetOf(nodeAt(tree, changes[0]?.path ?? [])),
      reason: 'this cannot be changed',
    };
  } catch (error) {
    if (error instanceof EditError) return { offset: error.offset, reason: error.message };
    throw error;
  }
}

function write(tree: DocumentTree, changes: readonly Change[], style: TextStyle): EditedDocument {
  const spellings = new Map(
    changes.filter(({ isRemoval }) => isRemoval).flatMap((change) => spellingsOf(tree, change)),
  );
  return editDocument(tree, patchedBy(tree, changes), style, spellings);
}

function patchedBy(tree: DocumentTree, changes: readonly Change[]): PatchedValue {
  const patched = new PatchedValue(tree.value);
  for (const { path, patch } of changes) patched.apply(path, patch);
  return patched;
}

/** How a removal spells the values that it restores, by pointer into the document. */
function spellingsOf(
  tree: DocumentTree,
  { path }: Change,
): [pointer: string, spelling: Spelling][] {
  const base = pointerTo(namedTokens(tree.value, path));
  return [...recordAt(valueAt(tree.value, path))].flatMap(([pointer, { is, as }]) =>
    as === undefined ? [] : [[base + pointer, { value: is, source: as }]],
  );
}

/** The changes; the restore record of each pod now says how its replaced values were spelled. */
function withSpellings(
  tree: DocumentTree,
  changes: readonly Change[],
  overwritten: ReadonlyMap<string, Spelling>,
): readonly Change[] {
  if (overwritten.size === 0) return changes;
  const spelled = changes.map((change) =>
    change.isRemoval ? change : withSpelling(tree, change, overwritten),
  );
  return spelled.every((change, index) => change === changes[index]) ? changes : spelled;
}

function withSpelling(
  tree: DocumentTree,
  change: Change,
  overwritten: ReadonlyMap<string, Spelling>,
): Change {
  const { path, patch } = change;
  const base = pointerTo(namedTokens(tree.value, path));
  const after = new PatchedValue(valueAt(tree.value, path));
  after.apply([], patch);
  const record = new Map(recordAt(after.current));
  const before = recordText(record);
  for (const [pointer, { value, source }] of overwritten) {
    if (!pointer.startsWith(`${base}/`)) continue;
    const inPod = pointer.slice(base.length);
    const is = plainValue(value) as Json;
    const known = record.get(inPod);
    const isAlias = source === MERGED || source.startsWith('*');
    if (known === undefined ? !isAlias : !isDeepStrictEqual(known.is, is)) continue;
    if (source !== 'null') record.set(inPod, { is, as: source });
  }
  const text = recordText(record);
  if (text === before) return change;
  return { ...change, patch: [...patch, add(['metadata', 'annotations', RESTORE], text)] };
}

function recordAt(pod: unknown): RestoreRecord {
  const annotations = member(member(pod, 'metadata'), 'annotations');
  const text = member(annotations, RESTORE);
  return readRecord(typeof text === 'string' ? new Map([[RESTORE, text]]) : undefined);
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((current, token) => member(current, String(token)), value);
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

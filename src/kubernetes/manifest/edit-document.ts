import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { pointerTo } from '../inject/json-patch.ts';
import { BlockEditor, colonEnd, isBlock, startOf } from './block-editor.ts';
import { type DocumentTree, isMerge, keyOf } from './document-tree.ts';
import { FlowEditor } from './flow-editor.ts';
import { listChanges } from './list-changes.ts';
import type { PatchedValue } from './patched-value.ts';
import { isSame, member } from './raw-scalar.ts';
import { EditError, TextEdits } from './text-edits.ts';
import type { TextStyle } from './text-style.ts';

/** How a value is, or was, written. */
export interface Spelling {
  readonly value: unknown;
  readonly source: string;
}

/** A document that was changed. */
export interface EditedDocument {
  readonly text: string;
  /** The values that were replaced, by pointer, with the names of elements in place of their indexes. */
  readonly overwritten: ReadonlyMap<string, Spelling>;
}

/** Marks a member that comes from a merge key (`<<`) and has no text here. */
export const MERGED = '<<';

/**
 * Writes the changes of patches into the text of a document, and leaves everything else untouched.
 *
 * The caller reads the result again: the new text has to mean what the patches made.
 *
 * @param spellings - How to write values that the document had before, by pointer.
 * @throws {EditError} When a value cannot be changed.
 */
export function editDocument(
  tree: DocumentTree,
  patched: PatchedValue,
  style: TextStyle,
  spellings: ReadonlyMap<string, Spelling>,
): EditedDocument {
  const editor = new DocumentEditor(tree, patched, style, spellings);
  if (tree.root !== null) editor.visit(tree.root, tree.value, patched.current, { path: [] });
  return { text: editor.edits.applied(), overwritten: editor.overwritten };
}

interface NodeContext {
  readonly path: readonly string[];
  /** The pair that the node is the value of. */
  readonly pair?: Pair;
  /** Whether that pair is in a block map. */
  readonly inBlock?: boolean;
  readonly isJson?: boolean;
}

class DocumentEditor {
  readonly edits: TextEdits;
  readonly overwritten = new Map<string, Spelling>();
  private readonly tree: DocumentTree;
  private readonly patched: PatchedValue;
  private readonly spellings: ReadonlyMap<string, Spelling>;
  private readonly block: BlockEditor;
  private readonly flow: FlowEditor;
  /** The new values of anchored nodes. */
  private readonly anchored = new Map<Node, unknown>();

  constructor(
    tree: DocumentTree,
    patched: PatchedValue,
    style: TextStyle,
    spellings: ReadonlyMap<string, Spelling>,
  ) {
    this.tree = tree;
    this.patched = patched;
    this.spellings = spellings;
    this.edits = new TextEdits(tree.text, style.newline);
    this.block = new BlockEditor(tree.text, this.edits, style);
    this.flow = new FlowEditor(tree.text, this.edits, style);
  }

  visit(node: Node, before: unknown, after: unknown, context: NodeContext): void {
    // With aliases in the document, one may have to be expanded because its target changes.
    const isSettled = this.tree.targets.size === 0 && this.spellings.size === 0;
    if (before === after && isSettled) return;
    if (isAlias(node)) {
      if (!isSame(after, this.afterAlias(node, before)))
        this.overwrite(node, before, after, context);
      return;
    }
    if ('anchor' in node && node.anchor !== undefined) this.anchored.set(node, after);
    const spelling = this.spellings.get(pointerTo(context.path));
    if (spelling !== undefined && isSame(spelling.value, after)) {
      this.respell(node, spelling.source, context);
      return;
    }
    this.change(node, before, after, context);
  }

  private change(node: Node, before: unknown, after: unknown, context: NodeContext): void {
    if (isMap(node) && isObject(after)) this.map(node, before, after, context);
    else if (isSeq(node) && Array.isArray(after)) this.list(node, before, after, context);
    else if (!isSame(before, after)) this.overwrite(node, before, after, context);
  }

  private afterAlias(alias: Alias, before: unknown): unknown {
    const target = this.tree.targets.get(alias);
    return target !== undefined && this.anchored.has(target) ? this.anchored.get(target) : before;
  }

  private map(map: YAMLMap, before: unknown, after: object, context: NodeContext): void {
    const own = ownPairs(map);
    const removed: number[] = [];
    for (const [key, index] of own) {
      const path = [...context.path, key];
      const pair = map.items[index];
      const value = member(after, key);
      if (!Object.hasOwn(after, key) || this.isMergedAgain(path, value)) removed.push(index);
      else if (pair !== undefined) this.pair(map, pair, [member(before, key), value], path);
    }
    const added = this.addedKeys(map, own, before, after, context.path);
    const isEmptied = removed.length > 0 && removed.length === map.items.length;
    if (isEmptied && added.length === 0 && isBlock(map)) {
      this.empty(map, '{}', context);
      return;
    }
    const pairs = added.map((key) => [key, member(after, key)] as const);
    (isBlock(map) ? this.block : this.flow).pairs(map, { removed, added: pairs });
  }

  private pair(
    map: YAMLMap,
    pair: Pair,
    [before, after]: readonly [before: unknown, after: unknown],
    path: readonly string[],
  ): void {
    const inBlock = isBlock(map);
    const isJson = !inBlock && this.flow.isJson(map);
    if (pair.value !== null) {
      this.visit(pair.value as Node, before, after, { path, pair, inBlock, isJson });
    } else if (!isSame(before, after)) {
      throw new EditError(startOf(pair.key as Node), 'this key has no value to be replaced');
    }
  }

  /** The members that have to be written: those that come from a merge key need not be. */
  private addedKeys(
    map: YAMLMap,
    own: ReadonlyMap<string, number>,
    before: unknown,
    after: object,
    path: readonly string[],
  ): string[] {
    const inherited = this.inherited(map);
    const added = Object.keys(after).filter((key) => {
      if (own.has(key)) return false;
      return !inherited.has(key) || !isSame(inherited.get(key), member(after, key));
    });
    for (const key of added.filter((name) => inherited.has(name))) {
      this.note([...path, key], member(before, key), MERGED);
    }
    return added;
  }

  /** Whether a member that overrides a merged one now has the merged value again. */
  private isMergedAgain(path: readonly string[], value: unknown): boolean {
    const spelling = this.spellings.get(pointerTo(path));
    return spelling?.source === MERGED && isSame(spelling.value, value);
  }

  /** The members that merge keys provide afterwards: the first of several wins. */
  private inherited(map: YAMLMap): ReadonlyMap<string, unknown> {
    const sources = map.items
      .filter(isMerge)
      .flatMap(({ value }) => (isSeq(value) ? value.items : [value]))
      .filter((source) => isAlias(source))
      .map((alias) => this.afterAlias(alias, undefined))
      .filter(isObject);
    const members = sources.toReversed().flatMap((source) => Object.entries(source));
    return new Map(members);
  }

  private list(
    list: YAMLSeq,
    before: unknown,
    after: readonly unknown[],
    context: NodeContext,
  ): void {
    const was = Array.isArray(before) ? before : [];
    const changes = listChanges(was, after, (value) => this.patched.originOf(value));
    for (const change of changes) {
      if (change.kind !== 'keep') continue;
      const item = list.items[change.index] as Node;
      const path = [...context.path, nameOf(was[change.index]) ?? String(change.index)];
      this.visit(item, was[change.index], change.value, { path });
    }
    if (changes.every(({ kind }) => kind === 'keep')) return;
    if (after.length === 0 && isBlock(list)) this.empty(list, '[]', context);
    else if (isBlock(list)) this.block.elements(list, changes, context.pair);
    else this.flow.elements(list, changes);
  }

  /** Writes a collection that has become empty as `text` on the line of its key. */
  private empty(node: Node, text: string, { pair }: NodeContext): void {
    if (pair === undefined) throw new EditError(startOf(node), 'nothing would be left here');
    this.clearBlock(node, pair, ` ${text}`);
  }

  private clearBlock(node: Node, pair: Pair, inPlace: string): void {
    const colon = colonEnd(pair);
    if (inPlace !== '') this.edits.replace(colon, colon, inPlace);
    this.edits.removeLines(startOf(node), this.block.endOfText(node));
  }

  private overwrite(node: Node, before: unknown, after: unknown, context: NodeContext): void {
    const [from, to] = this.span(node);
    this.note(context.path, before, this.tree.text.slice(from, to));
    if (isBlock(node)) {
      this.overwriteBlock(node, after, context);
    } else if (from === to && context.pair !== undefined) {
      this.fill(context.pair, after, context);
    } else {
      this.edits.replace(from, to, this.flow.value(after, from, context.isJson === true));
    }
  }

  /** Writes a value in its former spelling. */
  private respell(node: Node, source: string, { pair }: NodeContext): void {
    const [from, to] = this.span(node);
    if (source !== '' || pair === undefined) this.edits.replace(from, to, source);
    else if (isBlock(node)) this.clearBlock(node, pair, '');
    else this.edits.replace(colonEnd(pair), to, '');
  }

  private overwriteBlock(node: Node, after: unknown, { pair }: NodeContext): void {
    if (isFilled(after)) this.block.replaceBlock(node, after);
    else if (pair !== undefined) {
      this.clearBlock(node, pair, ` ${this.flow.value(after, startOf(node), false)}`);
    } else throw new EditError(startOf(node), 'nothing would be left here');
  }

  /** Writes a value after a colon that has none. */
  private fill(pair: Pair, value: unknown, { inBlock, isJson }: NodeContext): void {
    if (inBlock === true && isFilled(value)) this.block.fill(pair, value);
    else {
      const at = colonEnd(pair);
      this.edits.replace(at, at, ` ${this.flow.value(value, at, isJson === true)}`);
    }
  }

  private span(node: Node): readonly [from: number, to: number] {
    const from = startOf(node);
    if (isBlock(node)) return [from, this.block.endOfText(node)];
    // An empty value has no text: what follows its colon is not ours to change.
    if (isScalar(node) && node.source === '' && node.type === 'PLAIN') return [from, from];
    return [from, node.range?.[1] ?? from];
  }

  private note(path: readonly string[], value: unknown, source: string): void {
    this.overwritten.set(pointerTo(path), { value, source });
  }
}

/** The pairs of a map that count: of two with the same key the last. */
function ownPairs(map: YAMLMap): ReadonlyMap<string, number> {
  const own = new Map<string, number>();
  for (const [index, pair] of map.items.entries()) {
    if (!isMerge(pair)) own.set(keyOf(pair, map), index);
  }
  return own;
}

function nameOf(element: unknown): string | undefined {
  const name = member(element, 'name');
  return typeof name === 'string' ? name : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFilled(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(value).length > 0;
}

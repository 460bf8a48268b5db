import {
  type CST,
  isAlias,
  isCollection,
  isPair,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { CollectionEditor, type MemberChanges } from './collection-editor.ts';
import type { ListChange } from './list-changes.ts';
import { blockElement, blockLines, blockPair } from './render-value.ts';
import { EditError } from './text-edits.ts';
import { columnOf, lineStart } from './text-lines.ts';

/** Changes collections of YAML's block style, by whole lines. */
export class BlockEditor extends CollectionEditor {
  override pairs(map: YAMLMap, { removed, added }: MemberChanges): void {
    for (const index of removed) this.removePair(map, index);
    if (added.length === 0) return;
    const column = columnOf(this.text, startOf(map));
    const lines = added.flatMap(([key, value]) => {
      const [first = '', ...rest] = blockPair(key, value, column, this.style);
      return [' '.repeat(column) + first, ...rest];
    });
    const last = map.items.at(-1);
    if (last !== undefined && !this.isOpen(last)) this.edits.insertLines(endOf(last), lines);
    else if (map.items.some(isExplicit)) throw new EditError(startOf(map), 'a key behind `?`');
    else this.edits.replace(startOf(map), startOf(map), this.before(lines, column));
  }

  private removePair(map: YAMLMap, index: number): void {
    const [pair, next] = [map.items[index], map.items[index + 1]];
    if (pair === undefined) return;
    const from = startOf(pair.key as Node);
    // A pair behind a dash: the next pair moves up to its place.
    if (this.standsAlone(from)) this.edits.removeLines(from, endOf(pair));
    else if (next !== undefined) this.edits.replace(from, startOf(next.key as Node), '');
    else throw new EditError(from, 'it shares its line with something else');
  }

  /**
   * Whether the text ends in a block scalar without a line break: one that is added there would become part of the
   * scalar.
   */
  private isOpen(last: Node | Pair): boolean {
    const isEnd = endOf(last) === this.text.length && !this.text.endsWith('\n');
    return isEnd && isBlockScalar(leafOf(last));
  }

  /**
   * Inserts and removes elements.
   *
   * @param pair - The pair whose value the list is: a comment above the first element stays above it.
   */
  elements(list: YAMLSeq, changes: readonly ListChange[], pair: Pair | undefined): void {
    const column = columnOf(this.text, startOf(list));
    for (const change of changes) {
      if (change.kind === 'keep') continue;
      if (change.kind === 'insert') {
        const [first = '', ...rest] = blockElement(change.value, column, this.style);
        this.insertElement(list, change.index, [' '.repeat(column) + first, ...rest], pair);
        continue;
      }
      const item = list.items[change.index];
      const from = dashOf(list, change.index);
      if (!this.standsAlone(from)) {
        throw new EditError(from, 'it shares its line with something else');
      }
      if (change.kind === 'remove') {
        this.edits.removeLines(from, endOf(item as Node));
      } else {
        const lines = blockElement(change.value, column, this.style);
        this.edits.replace(from, this.endOfText(item as Node), lines.join(this.style.newline));
      }
    }
  }

  /** Replaces the lines of a block collection. */
  replaceBlock(node: Node, value: object): void {
    const column = columnOf(this.text, startOf(node));
    const lines = blockLines(value, column, this.style).join(this.style.newline);
    this.edits.replace(startOf(node), this.endOfText(node), lines.trimStart());
  }

  /** Writes the lines of a collection below a key that has no value. */
  fill(pair: Pair, value: object): void {
    const column = columnOf(this.text, startOf(pair.key as Node));
    const step = Array.isArray(value) ? this.style.listStep : this.style.step;
    this.edits.insertLines(colonEnd(pair), blockLines(value, column + step, this.style));
  }

  /** Where a node ends, without the line break behind it. */
  endOfText(node: Node): number {
    const end = endOf(node);
    const { length } = this.text.slice(0, end).replace(/(?:\r?\n[ \t]*)+$/, '');
    return isBlockScalar(node) ? end : length;
  }

  private insertElement(
    list: YAMLSeq,
    index: number,
    lines: readonly string[],
    pair: Pair | undefined,
  ): void {
    const before = list.items[index - 1];
    if (before !== undefined && this.isOpen(before as Node)) {
      throw new EditError(
        startOf(before as Node),
        'the text ends in a block scalar without a line break',
      );
    }
    if (before !== undefined) this.edits.insertLines(endOf(before as Node), lines);
    else if (pair !== undefined) this.edits.insertLines(colonEnd(pair), lines);
    else throw new EditError(startOf(list), 'this list has no key');
  }

  private before(lines: readonly string[], column: number): string {
    const { newline } = this.style;
    return `${lines.join(newline).trimStart()}${newline}${' '.repeat(column)}`;
  }

  /** Whether only white space precedes it on its line. */
  private standsAlone(offset: number): boolean {
    return !/\S/.test(this.text.slice(lineStart(this.text, offset), offset));
  }
}

/** Whether a collection is in block style. */
export function isBlock(node: unknown): boolean {
  return isCollection(node) && /^block/.test(node.srcToken?.type ?? '');
}

/** The end of a pair's `:`, including an anchor or tag after it. */
export function colonEnd(pair: Pair): number {
  const token = (pair.srcToken as CST.CollectionItem | undefined)?.sep?.findLast(({ type }) =>
    ['map-value-ind', 'anchor', 'tag'].includes(type),
  );
  if (token === undefined) throw new EditError(startOf(pair.key as Node), 'this key has no colon');
  return token.offset + token.source.length;
}

/** Whether a pair is `? key`. */
function isExplicit(pair: Pair): boolean {
  const { start = [] } = (pair.srcToken as CST.CollectionItem | undefined) ?? {};
  return start.some(({ type }) => type === 'explicit-key-ind');
}

/** Where the text of a node begins. */
export function startOf({ range }: Node): number {
  return range?.[0] ?? 0;
}

/** The end of a node's text, which is that of its last descendant. */
export function endOf(node: Node | Pair): number {
  return leafOf(node).range?.[1] ?? 0;
}

/** The last node inside a block node. */
function leafOf(node: Node | Pair): Node {
  if (isPair(node)) return leafOf((node.value ?? node.key) as Node);
  const last = isBlock(node) && isCollection(node) ? node.items.at(-1) : undefined;
  return last === undefined ? node : leafOf(last as Node | Pair);
}

function dashOf(list: YAMLSeq, index: number): number {
  const items = (list.srcToken as CST.BlockSequence | undefined)?.items ?? [];
  const dashes = items.flatMap(({ start }) => start.filter(({ type }) => type === 'seq-item-ind'));
  const dash = dashes[index];
  if (dash === undefined || dashes.length !== list.items.length) {
    throw new EditError(startOf(list), 'the dashes of this list are not found');
  }
  return dash.offset;
}

function isBlockScalar(node: unknown): boolean {
  if (isAlias(node) || typeof node !== 'object' || node === null || !('type' in node)) return false;
  return node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED';
}

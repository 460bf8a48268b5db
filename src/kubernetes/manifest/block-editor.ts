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
import { EditError } from './edit-error.ts';
import type { ListChange } from './list-changes.ts';
import { blockElement, blockLines, blockPair } from './render-value.ts';
import type { TextEdits } from './text-edits.ts';
import { columnOf, lineStart } from './text-lines.ts';
import type { TextStyle } from './text-style.ts';

/** Changes collections of YAML's block style, by whole lines. */
export class BlockEditor {
  private readonly text: string;
  private readonly edits: TextEdits;
  private readonly style: TextStyle;

  constructor(text: string, edits: TextEdits, style: TextStyle) {
    this.text = text;
    this.edits = edits;
    this.style = style;
  }

  /** Members come behind those that are there. */
  pairs(
    map: YAMLMap,
    removed: readonly number[],
    added: readonly (readonly [key: string, value: unknown])[],
  ): void {
    for (const index of removed) {
      const pair = map.items[index];
      if (pair === undefined) continue;
      const from = startOf(pair.key as Node);
      this.requireOwnLine(from);
      this.edits.removeLines(from, endOf(pair));
    }
    if (added.length === 0) return;
    const column = columnOf(this.text, startOf(map));
    const lines = added.flatMap(([key, value]) => {
      const [first = '', ...rest] = blockPair(key, value, column, this.style);
      return [' '.repeat(column) + first, ...rest];
    });
    const last = map.items.at(-1);
    const end = last === undefined ? startOf(map) : endOf(last);
    // A block scalar that ends with the text would get a line break more.
    const isOpen = end === this.text.length && isBlockScalar(last?.value);
    if (isOpen) this.edits.replace(startOf(map), startOf(map), this.before(lines, column));
    else this.edits.insertLines(end, lines);
  }

  /**
   * Elements come and go.
   *
   * @param pair - Whose value the list is: a comment over the first element stays over it.
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
      this.requireOwnLine(from);
      if (change.kind === 'remove') {
        this.edits.removeLines(from, endOf(item as Node));
      } else {
        const lines = blockElement(change.value, column, this.style);
        this.edits.replace(from, this.endOfText(item as Node), lines.join(this.style.newline));
      }
    }
  }

  /** The lines of a collection in place of one that stands there in lines. */
  replaceBlock(node: Node, value: object): void {
    const column = columnOf(this.text, startOf(node));
    const lines = blockLines(value, column, this.style).join(this.style.newline);
    this.edits.replace(startOf(node), this.endOfText(node), lines.trimStart());
  }

  /** The lines of a collection below a key that has no value. */
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
    if (before !== undefined) this.edits.insertLines(endOf(before as Node), lines);
    else if (pair !== undefined) this.edits.insertLines(colonEnd(pair), lines);
    else throw new EditError(startOf(list), 'this list has no key');
  }

  private before(lines: readonly string[], column: number): string {
    const { newline } = this.style;
    return `${lines.join(newline).trimStart()}${newline}${' '.repeat(column)}`;
  }

  private requireOwnLine(offset: number): void {
    if (/\S/.test(this.text.slice(lineStart(this.text, offset), offset))) {
      throw new EditError(offset, 'it shares its line with something else');
    }
  }
}

/** Whether a collection stands in lines of its own. */
export function isBlock(node: unknown): boolean {
  return isCollection(node) && /^block/.test(node.srcToken?.type ?? '');
}

/** Behind the `:` of a pair, and what stands there of an anchor or a tag. */
export function colonEnd(pair: Pair): number {
  const token = (pair.srcToken as CST.CollectionItem | undefined)?.sep?.findLast(({ type }) =>
    ['map-value-ind', 'anchor', 'tag'].includes(type),
  );
  if (token === undefined) throw new EditError(startOf(pair.key as Node), 'this key has no colon');
  return token.offset + token.source.length;
}

/** Where the text of a node begins. */
export function startOf({ range }: Node): number {
  return range?.[0] ?? 0;
}

/** Where the text of a node ends: that of the last thing in it. */
export function endOf(node: Node | Pair): number {
  if (isPair(node)) return endOf((node.value ?? node.key) as Node);
  const last = isBlock(node) && isCollection(node) ? node.items.at(-1) : undefined;
  return last === undefined ? (node.range?.[1] ?? 0) : endOf(last as Node | Pair);
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

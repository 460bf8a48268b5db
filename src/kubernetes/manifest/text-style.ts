import { isCollection, isMap, isPair, isSeq, type Node } from 'yaml';
import { columnOf } from './text-lines.ts';

/** The layout of a document, so that insertions look like the rest of it. */
export interface TextStyle {
  readonly newline: '\n' | '\r\n';
  /** Columns from a key to the keys below it. */
  readonly step: number;
  /** Columns from a key to the dashes of its list; kubectl writes 0. */
  readonly listStep: number;
  /** Columns from a dash to its value. */
  readonly dash: number;
  /** The white space inside the braces of a flow map. */
  readonly padding: '' | ' ';
  /** JSON: one step of indentation; empty if everything is on one line. */
  readonly jsonIndent: string;
  /** JSON on one line: the white space after `:` and `,`. */
  readonly jsonGap: '' | ' ';
}

/**
 * Reads the layout off a document.
 *
 * @param nodes - Where to look, the nearest first.
 */
export function styleOf(text: string, nodes: readonly (Node | null | undefined)[]): TextStyle {
  const found: Found = {};
  for (const node of nodes) look(node, text, found);
  return {
    newline: /\r\n/.test(text) ? '\r\n' : '\n',
    step: found.step ?? 2,
    listStep: found.listStep ?? 2,
    dash: found.dash ?? 2,
    padding: /[:-] \{ /.test(text) ? ' ' : '',
    jsonIndent: /[[{]\r?\n([ \t]+)/.exec(text)?.[1] ?? '',
    jsonGap: /": /.test(text) ? ' ' : '',
  };
}

interface Found {
  step?: number;
  listStep?: number;
  dash?: number;
}

const isBlock = (node: unknown): node is Node =>
  isCollection(node) && /^block/.test(node.srcToken?.type ?? '');

function look(node: unknown, text: string, found: Found): void {
  if (found.step !== undefined && found.listStep !== undefined && found.dash !== undefined) return;
  if (!isBlock(node)) return;
  const column = columnOf(text, node.range?.[0] ?? 0);
  for (const item of isCollection(node) ? node.items : []) {
    const child = isPair(item) ? item.value : item;
    if (isBlock(child)) measure(node, child, columnOf(text, child.range?.[0] ?? 0) - column, found);
    look(child, text, found);
  }
}

function measure(parent: Node, child: Node, distance: number, found: Found): void {
  if (isSeq(parent) && distance > 0) found.dash ??= distance;
  if (isMap(parent) && isSeq(child) && distance >= 0) found.listStep ??= distance;
  if (isMap(parent) && isMap(child) && distance > 0) found.step ??= distance;
}

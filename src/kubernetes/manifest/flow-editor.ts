import { isScalar, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import { CollectionEditor, type MemberChanges } from './collection-editor.ts';
import type { ListChange } from './list-changes.ts';
import { flowYaml, jsonText } from './render-value.ts';
import { indentOf } from './text-lines.ts';

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Changes collections between brackets: JSON, and YAML's flow style. */
export class FlowEditor extends CollectionEditor {
  override pairs(map: YAMLMap, { removed, added }: MemberChanges): void {
    const spans = map.items.map(pairSpan);
    const isJson = this.isJson(map);
    const inner = this.innerIndent(map, spans);
    const texts = added.map(([key, value]) =>
      isJson
        ? `${JSON.stringify(key)}:${this.gapAfterColon()}${jsonText(value, inner, this.style)}`
        : flowYaml({ [key]: value }, { ...this.style, padding: '' }).slice(1, -1),
    );
    this.remove(map, spans, removed, texts.length > 0);
    this.insert(map, spans, spans.length, texts);
  }

  /** Inserts and removes elements. */
  elements(list: YAMLSeq, changes: readonly ListChange[]): void {
    const spans = list.items.map((item) => nodeSpan(item as Node));
    const inner = this.innerIndent(list, spans);
    const render = (value: unknown): string =>
      this.isJson(list) ? jsonText(value, inner, this.style) : flowYaml(value, this.style);
    const removed: number[] = [];
    const inserted = new Map<number, string[]>();
    for (const change of changes) {
      if (change.kind === 'remove') removed.push(change.index);
      if (change.kind === 'insert') {
        const texts = inserted.get(change.index) ?? [];
        inserted.set(change.index, [...texts, render(change.value)]);
      }
      const span = spans[change.index];
      if (change.kind === 'replace' && span !== undefined) {
        this.edits.replace(span.from, span.to, render(change.value));
      }
    }
    this.remove(list, spans, removed, inserted.size > 0);
    for (const [index, texts] of inserted) this.insert(list, spans, index, texts);
  }

  /** The text of a value between brackets that is new or replaces another. */
  value(value: unknown, at: number, isJson: boolean): string {
    if (!isJson) return flowYaml(value, this.style);
    return jsonText(value, indentOf(this.text, at), this.style);
  }

  /** Whether a collection is written as JSON: by its keys, or by the document being JSON as a whole. */
  isJson(node: YAMLMap | YAMLSeq): boolean {
    if (/^\s*[{[]/.test(this.text)) return /^\s*\{\s*(?:"|\})|^\s*\[/.test(this.text);
    const [first] = node.items;
    const key = first !== undefined && 'key' in (first as object) ? (first as Pair).key : undefined;
    return isScalar(key) && key.type === 'QUOTE_DOUBLE';
  }

  private insert(
    node: YAMLMap | YAMLSeq,
    spans: readonly Span[],
    index: number,
    texts: readonly string[],
  ): void {
    if (texts.length === 0) return;
    const open = (node.range?.[0] ?? 0) + 1;
    const separator = `,${this.separation(node, spans)}`;
    const before = spans[index - 1];
    const after = spans[index];
    if (before !== undefined) {
      this.edits.replace(before.to, before.to, texts.map((text) => separator + text).join(''));
    } else if (after !== undefined) {
      this.edits.replace(after.from, after.from, texts.map((text) => text + separator).join(''));
    } else {
      const [head, tail] = this.emptyFrame(node);
      this.edits.replace(open, open, head + texts.join(separator) + tail);
    }
  }

  private remove(
    node: YAMLMap | YAMLSeq,
    spans: readonly Span[],
    removed: readonly number[],
    refilled: boolean,
  ): void {
    const gone = new Set(removed);
    const firstKept = spans.findIndex((_, index) => !gone.has(index));
    if (firstKept !== -1 || removed.length === 0) {
      for (const index of removed) this.removeOne(spans, index, index > firstKept);
    } else if (refilled) {
      for (const { from, to } of spans) this.edits.replace(from, to, '');
    } else {
      this.removeAll(node, spans);
    }
  }

  /** Removes an element and the comma before it, or the comma after it if no remaining element comes before. */
  private removeOne(spans: readonly Span[], index: number, isBehind: boolean): void {
    const [before, span, after] = [spans[index - 1], spans[index], spans[index + 1]];
    const from = isBehind ? before?.to : span?.from;
    const to = isBehind ? span?.to : after?.from;
    if (from !== undefined && to !== undefined) this.edits.replace(from, to, '');
  }

  private removeAll(node: YAMLMap | YAMLSeq, spans: readonly Span[]): void {
    const [head, tail] = this.emptyFrame(node);
    const open = (node.range?.[0] ?? 0) + 1;
    const end = spans.at(-1)?.to ?? open;
    const from = this.text.startsWith(head, open) ? open : (spans[0]?.from ?? open);
    this.edits.replace(from, this.text.startsWith(tail, end) ? end + tail.length : end, '');
  }

  /** The white space around the contents of a collection that was empty. */
  private emptyFrame(node: YAMLMap | YAMLSeq): readonly [head: string, tail: string] {
    const { newline, jsonIndent } = this.style;
    if (!this.isJson(node) || jsonIndent === '') return ['', ''];
    const indent = indentOf(this.text, node.range?.[0] ?? 0);
    return [newline + indent + jsonIndent, newline + indent];
  }

  /** The text between a comma and the next element: a line break if each element has a line of its own. */
  private separation(node: YAMLMap | YAMLSeq, spans: readonly Span[]): string {
    const [first, second] = spans;
    const before =
      first === undefined || second === undefined
        ? this.text.slice((node.range?.[0] ?? 0) + 1, first?.from)
        : this.text.slice(first.to, second.from);
    const isEmptyJson = first === undefined && this.emptyFrame(node)[0] !== '';
    if (isEmptyJson || (first !== undefined && before.includes('\n'))) {
      return this.style.newline + this.innerIndent(node, spans);
    }
    return this.isJson(node) && this.style.jsonIndent === '' ? this.style.jsonGap : ' ';
  }

  private innerIndent(node: YAMLMap | YAMLSeq, spans: readonly Span[]): string {
    const open = node.range?.[0] ?? 0;
    const [first] = spans;
    if (first === undefined) return indentOf(this.text, open) + this.style.jsonIndent;
    return indentOf(this.text, first.from);
  }

  private gapAfterColon(): string {
    return this.style.jsonIndent === '' ? this.style.jsonGap : ' ';
  }
}

function pairSpan({ key, value }: Pair): Span {
  const { from, to } = nodeSpan(key as Node);
  return { from, to: value === null ? to : nodeSpan(value as Node).to };
}

function nodeSpan({ range }: Node): Span {
  return { from: range?.[0] ?? 0, to: range?.[1] ?? 0 };
}

import {
  type Alias,
  type DocumentOptions,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type ParsedNode,
  type ParseOptions,
  parseDocument,
  type Scalar,
  type SchemaOptions,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { defineMember, member, RawScalar } from './raw-scalar.ts';

/** A document with its values and the place of each in the text. */
export interface DocumentTree {
  readonly text: string;
  /** `null` for a document without content. */
  readonly root: Node | null;
  /**
   * An object that is reached by an alias is one object in both places; a scalar is a {@link RawScalar} if JSON would
   * change it.
   */
  readonly value: unknown;
  /** The target of each alias. */
  readonly targets: ReadonlyMap<Alias, Node>;
}

/** Something that cannot be read. */
export interface TreeProblem {
  /** An offset in the document's text. */
  readonly offset: number;
  readonly reason: string;
}

/** As kubectl reads it: YAML 1.1 with `yes` and `<<`, but dates and times of day are text (Go's yaml.v2). */
const KUBECTL_YAML: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  keepSourceTokens: true,
  // Of two members with one name the last counts, in Go too; whether to accept that is up to the API server.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
  customTags: (tags) =>
    tags.filter(
      (tag) =>
        typeof tag === 'string' ||
        (tag.tag !== 'tag:yaml.org,2002:timestamp' && tag.format !== 'TIME'),
    ),
};

/** Reads a document, or reports what is wrong with it. Never throws. */
export function readTree(text: string): DocumentTree | readonly TreeProblem[] {
  try {
    const document = parseDocument<ParsedNode>(text, KUBECTL_YAML);
    const problems = document.errors.map(({ message, pos: [offset] }) => ({
      offset,
      reason: message.split('\n', 1)[0] ?? message,
    }));
    if (problems.length > 0) return problems;
    const reader = new TreeReader();
    const value = document.contents === null ? null : reader.read(document.contents).value;
    return { text, root: document.contents, value, targets: reader.targets };
  } catch (error) {
    if (error instanceof TreeError) return [error];
    if (error instanceof RangeError) return [{ offset: 0, reason: 'nested too deeply' }];
    throw error;
  }
}

class TreeError extends Error implements TreeProblem {
  readonly offset: number;
  readonly reason: string;

  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
    this.reason = reason;
  }
}

/**
 * kubectl refuses documents whose aliases expand to far more than was written, at the latest from 4,000,000 nodes on.
 */
const MAX_NODES = 4_000_000;

interface Read {
  readonly value: unknown;
  /** With all aliases written out. */
  readonly nodes: number;
}

class TreeReader {
  readonly targets = new Map<Alias, Node>();
  private readonly anchors = new Map<string, Node>();
  private readonly done = new Map<Node, Read>();

  read(node: Node): Read {
    if (isAlias(node)) return this.aliased(node);
    if ('anchor' in node && node.anchor !== undefined) this.anchors.set(node.anchor, node);
    const read = this.content(node);
    if (read.nodes > MAX_NODES) {
      throw new TreeError(offsetOf(node), 'its aliases stand for more than kubectl would read');
    }
    this.done.set(node, read);
    return read;
  }

  private aliased(alias: Alias): Read {
    const target = this.anchors.get(alias.source);
    const read = target && this.done.get(target);
    if (target === undefined || read === undefined) {
      throw new TreeError(offsetOf(alias), `*${alias.source} refers to a value that contains it`);
    }
    this.targets.set(alias, target);
    return read;
  }

  private content(node: Node): Read {
    if (isMap(node)) return this.map(node);
    if (isSeq(node)) return this.list(node);
    return { value: isScalar(node) ? scalarValue(node) : undefined, nodes: 1 };
  }

  private list(list: YAMLSeq): Read {
    let nodes = 1;
    const value = list.items.map((item) => {
      // `!!omap` and `!!pairs` have pairs for elements.
      if (isPair(item)) throw new TreeError(offsetOf(list), 'a list of pairs is no JSON');
      const read = this.read(item as Node);
      nodes += read.nodes;
      return read.value;
    });
    return { value, nodes };
  }

  private map(map: YAMLMap): Read {
    let nodes = 1;
    const merged: unknown[] = [];
    const own = {};
    for (const pair of map.items) {
      const read = this.pair(pair);
      nodes += read.nodes;
      if (isMerge(pair)) merged.push(...(Array.isArray(read.value) ? read.value : [read.value]));
      else defineMember(own, keyOf(pair, map), read.value);
    }
    return { value: merged.length === 0 ? own : mergedWith(own, merged), nodes };
  }

  private pair({ key, value }: Pair): Read {
    // A key may be an alias as well.
    if (isScalar(key) && key.anchor !== undefined) this.read(key);
    return value === null ? NOTHING : this.read(value as Node);
  }
}

const NOTHING: Read = { value: null, nodes: 1 };

/** Own members win over merged ones, and the earlier of two merged maps over the later. */
function mergedWith(own: object, merged: readonly unknown[]): object {
  const all = {};
  for (const source of [...merged.toReversed(), own]) {
    if (typeof source !== 'object' || source === null) continue;
    for (const key of Object.keys(source)) defineMember(all, key, member(source, key));
  }
  return all;
}

/** Whether a pair is `<<: …`. */
export function isMerge({ key }: Pair): boolean {
  return isScalar(key) && key.source === '<<' && key.type === 'PLAIN';
}

/** The name of a member, as JSON has it. */
export function keyOf({ key }: Pair, map: Node): string {
  if (isScalar(key)) return typeof key.value === 'string' ? key.value : (key.source ?? '');
  const node = isAlias(key) || isCollection(key) ? key : map;
  throw new TreeError(offsetOf(node), 'a key that is no text');
}

function scalarValue({ value, source, type }: Scalar): unknown {
  if (typeof value === 'string') return value;
  const text = source ?? '';
  // Text with a tag such as `!!binary`, and everything else that JSON cannot say, stays text.
  if (typeof value === 'object' && value !== null) return text;
  if (type !== 'PLAIN') return value;
  return JSON.stringify(value) === text ? value : new RawScalar(value, text);
}

function offsetOf({ range }: Node): number {
  return range?.[0] ?? 0;
}

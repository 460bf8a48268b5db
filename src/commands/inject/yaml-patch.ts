import { type Document, isMap, isSeq, type Node, type YAMLSeq } from 'yaml';
import { type JsonPatch, pointerTokens } from '../../kubernetes/inject/json-patch.ts';

/**
 * Adds to a YAML document what a patch says, so that comments, order and spelling of the rest survive.
 *
 * @param base - Where the patched value stands in the document.
 * @throws {Error} When an operation's parent is not there, or stands there as an alias.
 */
export function patchDocument(
  document: Document,
  base: readonly (string | number)[],
  patch: JsonPatch,
): void {
  for (const { path, value } of patch) {
    const tokens = [...base, ...pointerTokens(path)];
    const last = String(tokens.pop());
    const parent = document.getIn(tokens.map(token(document)), true);
    const node = document.createNode(value, { aliasDuplicateObjects: false });
    if (isMap(parent)) {
      if (parent.items.length === 0) parent.flow = false;
      parent.set(last, node);
    } else if (isSeq(parent)) {
      insert(parent, last === '-' ? parent.items.length : Number(last), node);
    } else {
      throw new Error(`nothing to add to: ${path}`);
    }
  }
}

/** A member of a map whose name is a number is not asked by a number, an element of a list is. */
function token(document: Document) {
  return (word: string | number, depth: number, all: readonly (string | number)[]) => {
    const parent = document.getIn(all.slice(0, depth), true);
    return isSeq(parent) ? Number(word) : word;
  };
}

function insert(list: YAMLSeq, index: number, node: Node): void {
  if (list.items.length === 0) list.flow = false;
  const first = list.items[0] as Node | undefined;
  if (index === 0 && first !== undefined && list.commentBefore) {
    // A comment over the first element is kept at its list, and would end up over ours.
    first.commentBefore = [list.commentBefore, first.commentBefore].filter(Boolean).join('\n');
    list.commentBefore = null;
  }
  list.items.splice(index, 0, node);
}

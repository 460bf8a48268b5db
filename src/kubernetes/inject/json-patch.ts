/** Adds a member, or an element before the one that stands at the place. @see RFC 6902 §4.1 */
export interface AddOperation {
  readonly op: 'add';
  /** A JSON Pointer; its last token is a member, an index, or `-` for the end of a list. @see RFC 6901 */
  readonly path: string;
  readonly value: Json;
}

/** Puts another value where one stands. @see RFC 6902 §4.3 */
export interface ReplaceOperation {
  readonly op: 'replace';
  readonly path: string;
  readonly value: Json;
}

/** @see RFC 6902 §4.2 */
export interface RemoveOperation {
  readonly op: 'remove';
  readonly path: string;
}

/** Injection only adds, but for what it repairs; update replaces and removes as well. */
export type JsonPatch = readonly (AddOperation | ReplaceOperation | RemoveOperation)[];

/** What JSON can say. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [member: string]: Json };

type Tokens = readonly (string | number)[];

/** One operation that adds `value` at the place that the tokens lead to. */
export function add(tokens: Tokens, value: Json): AddOperation {
  return { op: 'add', path: pointerTo(tokens), value };
}

/** One operation that puts `value` where another stands. */
export function replace(tokens: Tokens, value: Json): ReplaceOperation {
  return { op: 'replace', path: pointerTo(tokens), value };
}

/** One operation that takes away what stands at the place. */
export function remove(tokens: Tokens): RemoveOperation {
  return { op: 'remove', path: pointerTo(tokens) };
}

/** The JSON Pointer of a place. @see RFC 6901 §3 */
export function pointerTo(tokens: Tokens): string {
  return tokens.map((token) => `/${escapeToken(String(token))}`).join('');
}

/** The tokens of a JSON Pointer, unescaped. @see RFC 6901 §4 */
export function pointerTokens(pointer: string): string[] {
  const [, ...tokens] = pointer.split('/');
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function escapeToken(token: string): string {
  return token.replaceAll('~', '~0').replaceAll('/', '~1');
}

/**
 * The document with the patch applied; what was handed in stays as it was.
 *
 * @throws {Error} When an operation's parent is not there: a patch is made for one document.
 */
export function applyPatch(document: unknown, patch: JsonPatch): unknown {
  // By way of JSON: what stands in two places of it is two values afterwards, of which one may change.
  const copy: unknown = JSON.parse(JSON.stringify(document));
  for (const operation of patch) change(copy, pointerTokens(operation.path), operation);
  return copy;
}

function change(target: unknown, tokens: readonly string[], operation: JsonPatch[number]): void {
  const [token = '', ...rest] = tokens;
  if (typeof target !== 'object' || target === null) {
    throw new Error(`nothing to change at: ${operation.path}`);
  }
  if (rest.length === 0) changeMember(target, token, operation);
  else
    change(Object.hasOwn(target, token) ? Reflect.get(target, token) : undefined, rest, operation);
}

/** Does to a list or an object what an operation says of one of its members, named by the last token. */
export function changeMember(target: object, token: string, operation: JsonPatch[number]): void {
  if (Array.isArray(target)) {
    const index = token === '-' ? target.length : Number(token);
    if (operation.op === 'remove') target.splice(index, 1);
    else target.splice(index, operation.op === 'add' ? 0 : 1, structuredClone(operation.value));
  } else if (operation.op === 'remove') {
    Reflect.deleteProperty(target, token);
  } else {
    // An own property also where the name is `__proto__`, which an assignment would not make.
    Object.defineProperty(target, token, {
      value: structuredClone(operation.value),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
}

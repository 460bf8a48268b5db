/** Adds a member, or an element before the one at this place. @see RFC 6902 §4.1 */
export interface AddOperation {
  readonly op: 'add';
  /** A JSON Pointer; its last token is a member, an index, or `-` for the end of a list. @see RFC 6901 */
  readonly path: string;
  readonly value: Json;
}

/** Replaces the value at this place. @see RFC 6902 §4.3 */
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

/** Injection adds, and replaces only what it repairs; an update replaces and removes as well. */
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

/** One operation that adds `value` at the place named by the tokens. */
export function add(tokens: Tokens, value: Json): AddOperation {
  return { op: 'add', path: pointerTo(tokens), value };
}

/** One operation that replaces a value with `value`. */
export function replace(tokens: Tokens, value: Json): ReplaceOperation {
  return { op: 'replace', path: pointerTo(tokens), value };
}

/** One operation that removes the value at the place. */
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
 * The document with the patch applied; the argument is not changed.
 *
 * @throws {Error} When an operation's parent does not exist: a patch belongs to one document.
 */
export function applyPatch(document: unknown, patch: JsonPatch): unknown {
  // Copied through JSON: an object that is referenced twice becomes two objects, so that one can change alone.
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

/** Applies an operation to a list or an object; the last token names the member. */
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

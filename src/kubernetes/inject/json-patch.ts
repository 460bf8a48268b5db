/** What a patch does here: it adds and never replaces or removes. @see RFC 6902 §4.1 */
export interface AddOperation {
  readonly op: 'add';
  /** A JSON Pointer; its last token is a member, an index, or `-` for the end of a list. @see RFC 6901 */
  readonly path: string;
  readonly value: Json;
}

export type JsonPatch = readonly AddOperation[];

/** What JSON can say. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [member: string]: Json };

/** One operation that adds `value` at the place that the tokens lead to. */
export function add(tokens: readonly (string | number)[], value: Json): AddOperation {
  return {
    op: 'add',
    path: tokens.map((token) => `/${escapeToken(String(token))}`).join(''),
    value,
  };
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
  for (const { path, value } of patch)
    addIn(copy, pointerTokens(path), structuredClone(value), path);
  return copy;
}

function addIn(target: unknown, tokens: readonly string[], value: unknown, path: string): void {
  const [token = '', ...rest] = tokens;
  if (typeof target !== 'object' || target === null) throw new Error(`nothing to add to: ${path}`);
  const parent = target as Readonly<Record<string, unknown>>;
  if (rest.length > 0) {
    addIn(Object.hasOwn(parent, token) ? parent[token] : undefined, rest, value, path);
  } else if (!Array.isArray(target)) {
    // An own property also where the name is `__proto__`, which an assignment would not make.
    Object.defineProperty(parent, token, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    target.splice(token === '-' ? target.length : Number(token), 0, value);
  }
}

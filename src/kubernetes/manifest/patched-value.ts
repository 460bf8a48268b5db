import { changeMember, type JsonPatch, pointerTokens } from '../inject/json-patch.ts';
import { defineMember, member } from './raw-scalar.ts';

/**
 * A document's value with patches applied, which remembers where each part was before.
 *
 * What a patch changes is copied first: a value that an alias shares changes in one place only.
 */
export class PatchedValue {
  private value: unknown;
  private readonly origins = new WeakMap<object, object>();

  constructor(value: unknown) {
    this.value = value;
  }

  /** The current value. */
  get current(): unknown {
    return this.value;
  }

  /** A value before the change; the value itself if it is unchanged or new. */
  originOf(value: unknown): unknown {
    return typeof value === 'object' && value !== null ? (this.origins.get(value) ?? value) : value;
  }

  /**
   * Applies a patch to the value at `base`.
   *
   * @throws {Error} When an operation's place does not exist: a patch belongs to one document.
   */
  apply(base: readonly (string | number)[], patch: JsonPatch): void {
    for (const operation of patch) {
      const tokens = [...base.map(String), ...pointerTokens(operation.path)];
      this.value = this.changed(this.value, tokens, operation);
    }
  }

  private changed(
    value: unknown,
    tokens: readonly string[],
    operation: JsonPatch[number],
  ): unknown {
    const [token = '', ...rest] = tokens;
    if (typeof value !== 'object' || value === null) {
      throw new Error(`nothing to change at ${operation.path}`);
    }
    const copy = this.copied(value);
    if (rest.length === 0) changeMember(copy, token, operation);
    else setMember(copy, token, this.changed(member(copy, token), rest, operation));
    return copy;
  }

  private copied(value: object): object {
    if (this.origins.has(value)) return value;
    const copy = Array.isArray(value) ? [...value] : { ...value };
    this.origins.set(copy, value);
    return copy;
  }
}

function setMember(target: object, key: string, value: unknown): void {
  if (Array.isArray(target)) target[Number(key)] = value;
  else defineMember(target, key, value);
}

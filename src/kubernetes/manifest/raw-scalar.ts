/**
 * A scalar that JSON would spell differently from the document: `~`, `yes`, `0xFF`, `1e400`, 9007199254740993.
 *
 * Its value is what kubectl reads; its source is what the document must contain afterwards.
 */
export class RawScalar {
  readonly value: unknown;
  readonly source: string;

  constructor(value: unknown, source: string) {
    this.value = value;
    this.source = source;
  }
}

/** The value as plain JSON; what two aliases share are two values in it. */
export function plainValue(value: unknown): unknown {
  if (value instanceof RawScalar) return value.value;
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) defineMember(copy, key, plainValue(member));
  return copy;
}

/** Whether two values are equal down to the spelling of their scalars. */
export function isSame(some: unknown, other: unknown): boolean {
  if (some === other) return true;
  if (some instanceof RawScalar) return isSameScalar(some, other);
  if (other instanceof RawScalar) return isSameScalar(other, some);
  if (typeof some !== 'object' || typeof other !== 'object' || some === null || other === null) {
    return false;
  }
  if (Array.isArray(some) || Array.isArray(other)) {
    if (!Array.isArray(some) || !Array.isArray(other) || some.length !== other.length) return false;
    return some.every((element, index) => isSame(element, other[index]));
  }
  const keys = Object.keys(some);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(member(some, key), member(other, key)))
  );
}

/** `null` has many spellings, all with the same meaning. */
function isSameScalar(scalar: RawScalar, other: unknown): boolean {
  if (scalar.value === null) return other === null || plainValue(other) === null;
  return other instanceof RawScalar && scalar.source === other.source;
}

/** A member of an object; `undefined` if it has none of its own. */
export function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[key];
}

/** Sets an own member, also where its name is `__proto__`, which an assignment would not make. */
export function defineMember(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

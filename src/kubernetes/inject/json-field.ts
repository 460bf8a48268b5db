import { PodError } from './pod-error.ts';

/**
 * A value inside a document that others wrote, with the path to it.
 *
 * `null` counts as absent, as for the API server. A value of another type than requested throws a {@link PodError} that
 * names the path.
 */
export class JsonField {
  private readonly value: unknown;
  private readonly path: string;

  constructor(value: unknown, path: string) {
    this.value = value ?? undefined;
    this.path = path;
  }

  get present(): boolean {
    return this.value !== undefined;
  }

  member(key: string): JsonField {
    const path = this.path === '' ? key : `${this.path}.${key}`;
    const members = this.members();
    return new JsonField(Object.hasOwn(members, key) ? members[key] : undefined, path);
  }

  /** The value unchecked, for a reader that checks it later. */
  unread(): unknown {
    return this.value;
  }

  /** This field, which must have a value. */
  required(): JsonField {
    if (this.present) return this;
    throw new PodError(`${this.path}: null, not an object`);
  }

  /** The elements; `undefined` if there is no list. */
  list(): readonly JsonField[] | undefined {
    if (this.value === undefined) return undefined;
    if (!Array.isArray(this.value)) throw this.wrong('a list');
    return this.value.map((element, index) => new JsonField(element, `${this.path}[${index}]`));
  }

  /** The strings of a list; none if there is no list. */
  texts(): readonly string[] {
    return (this.list() ?? []).map((element) => element.text() ?? '');
  }

  /** The members as strings; `undefined` if there is no object. */
  textMap(): ReadonlyMap<string, string> | undefined {
    if (this.value === undefined) return undefined;
    const keys = Object.keys(this.members());
    return new Map(keys.map((key) => [key, this.member(key).text() ?? '']));
  }

  text(): string | undefined {
    if (this.value === undefined || typeof this.value === 'string') return this.value;
    throw this.wrong('a string');
  }

  number(): number | undefined {
    if (this.value === undefined || typeof this.value === 'number') return this.value;
    throw this.wrong('a number');
  }

  isTrue(): boolean {
    if (this.value === undefined || typeof this.value === 'boolean') return this.value === true;
    throw this.wrong('true or false');
  }

  private members(): Readonly<Record<string, unknown>> {
    if (this.value === undefined) return {};
    const plain = typeof this.value === 'object' && !Array.isArray(this.value);
    if (!plain) throw this.wrong('an object');
    return this.value as Readonly<Record<string, unknown>>;
  }

  private wrong(expected: string): PodError {
    const found = JSON.stringify(this.value) ?? String(this.value);
    const shown = found.length > MAX_SHOWN ? `${found.slice(0, MAX_SHOWN)}…` : found;
    return new PodError(`${this.path === '' ? 'pod' : this.path}: ${shown}, not ${expected}`);
  }
}

/** Enough to recognize a value by. */
const MAX_SHOWN = 40;

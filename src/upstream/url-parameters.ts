/**
 * The parameters after the question mark of an upstream URL.
 *
 * Parsed by hand: URLSearchParams reads a plus sign as a space, and base64 has plus signs.
 */
export class UrlParameters {
  private readonly base: string;
  private readonly given: readonly (readonly [key: string, value: string])[];

  /**
   * @param base - The URL before the question mark, for messages.
   * @throws {Error} If a parameter is not one of `keys`, has no value, or is not encoded correctly.
   */
  constructor(base: string, query: string, keys: readonly string[]) {
    this.base = base;
    this.given = query === '' ? [] : query.split('&').map((pair) => this.read(pair, keys));
  }

  /** @throws {Error} If it is there twice, or `read` throws. */
  one<T>(key: string, read: (value: string) => T): T | undefined {
    const [value, ...more] = this.all(key, read);
    if (more.length > 0) throw new Error(`upstream parameter ${key} is there twice: ${this.base}`);
    return value;
  }

  /** @throws {Error} If `read` throws. */
  all<T>(key: string, read: (value: string) => T): T[] {
    return this.given
      .filter(([name]) => name === key)
      .map(([, value]) => {
        try {
          return read(value);
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          throw new Error(`upstream parameter ${key} is ${reason}: ${value}`);
        }
      });
  }

  private read(pair: string, keys: readonly string[]): readonly [string, string] {
    const [key, rest] = splitBefore(pair, '=');
    if (!keys.includes(key)) {
      throw new Error(`upstream parameter is not one of ${keys.join(', ')}: ${key}, ${this.base}`);
    }
    const value = decoded(rest.slice(1));
    if (value === undefined || value === '') {
      throw new Error(`upstream parameter ${key} has no readable value: ${this.base}`);
    }
    return [key, value];
  }
}

/** The part before the first `mark`, and the rest, which begins with it if there is one. */
export function splitBefore(text: string, mark: string): [before: string, rest: string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}

/** The form that {@link UrlParameters} reads, without white space or commas, which end a URL in a list of them. */
export function writeParameters(
  values: Readonly<Record<string, string | readonly string[] | undefined>>,
): string {
  const pairs = Object.entries(values).flatMap(([key, value]) =>
    [value ?? []].flat().map((each) => `${key}=${encoded(each)}`),
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** A host name, in lower case. @throws {Error} If it is none. */
export function hostName(written: string): string {
  const labels =
    /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\.?$/i;
  if (!labels.test(written)) throw new Error('not a host name');
  return written.toLowerCase().replace(/\.$/, '');
}

/**
 * `sha256/BASE64`, as in RFC 7858 §4.2 and from openssl; returns the part after the slash. @throws {Error} If it is not
 * one.
 */
export function pin(written: string): Pin {
  const base64 = /^sha256\/([A-Za-z0-9+/]{43}=)$/.exec(written)?.[1];
  if (base64 === undefined) throw new Error('not sha256/ with 44 characters of base64');
  return base64;
}

/** SHA-256 in base64. */
type Pin = string;

function decoded(written: string): string | undefined {
  try {
    return decodeURIComponent(written);
  } catch {
    return undefined;
  }
}

/** What needs no encoding in a query is left readable (RFC 3986 §3.4). */
function encoded(value: string): string {
  return encodeURIComponent(value).replaceAll(/%(?:2F|3A|2B|3D|40)/g, decodeURIComponent);
}

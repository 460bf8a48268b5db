import { isIP } from 'node:net';
import { type Endpoint, parseEndpoint } from '../endpoint.ts';
import { type Name, parseName } from '../wire/name.ts';
import { reachable } from './own-address.ts';

/** The contents of a resolv.conf, as libc reads them. */
export interface ResolvConf {
  /** Addresses in their order; all of them, though libc asks only the first {@link LIBC_NAMESERVERS}. */
  readonly nameservers: readonly string[];
  /** The names of the last `search` or `domain` line. A `.` there is kept, as the root name. */
  readonly search: readonly Name[];
  /** By name; a switch such as `edns0` has the empty string. The last of several wins, and its value has no blanks. */
  readonly options: ReadonlyMap<string, string>;
  /** What libc skips silently or takes otherwise than was meant, with its line; never a reason not to start. */
  readonly notes: readonly ResolvConfNote[];
}

export interface ResolvConfNote {
  readonly line: number;
  readonly text: string;
}

/** MAXNS of glibc and of musl (M1, G1). */
export const LIBC_NAMESERVERS = 3;
/** M1: musl ignores a longer line as a whole. */
const MUSL_LINE_OCTETS = 255;
/** RFC 1035 §4.2: the only port that a resolv.conf knows. */
const DNS_PORT = 53;
/** What libc treats as a separator. JavaScript's white space also has U+00A0 and the byte order mark. */
const BLANKS = /[ \t\v\f\r]+/;
/** U+FEFF, which some editors write at the begin of a file. */
const BYTE_ORDER_MARK = '\ufeff';
/** The options with a number. */
const NUMBERED: ReadonlySet<string> = new Set(['ndots', 'timeout', 'attempts']);
/** A resolv.conf is a few lines; a longer file is not one, and the rest of it is not read. */
const MAX_LINES = 1_000;

/**
 * Reads a resolv.conf the way glibc and musl do: a keyword is in the first column, `#` and `;` there begin a comment,
 * the last `search` or `domain` wins, and a line that makes no sense is skipped (and noted here).
 *
 * @see resolv.conf(5)
 */
export function parseResolvConf(text: string): ResolvConf {
  const reader = new Reader();
  const lines = text.split('\n');
  for (const [index, line] of lines.slice(0, MAX_LINES).entries()) {
    reader.read(line.replace(/\r$/, ''), index + 1);
  }
  const crlf = lines.findIndex((line) => /^[a-z].*\r$/.test(line));
  if (crlf !== -1) {
    reader.note(
      crlf + 1,
      'ends with CR LF: glibc takes the CR for part of the value; it is left out here',
    );
  }
  if (lines.length > MAX_LINES) reader.note(MAX_LINES, `not read past line ${MAX_LINES}`);
  const { nameservers, search, options, notes } = reader;
  return { nameservers, search, options, notes };
}

class Reader {
  readonly nameservers: string[] = [];
  search: readonly Name[] = [];
  readonly options = new Map<string, string>();
  readonly notes: ResolvConfNote[] = [];

  note(line: number, text: string): void {
    this.notes.push({ line, text });
  }

  read(text: string, line: number): void {
    if (/^[#;]/.test(text) || wordsOf(text).length === 0) return;
    if (Buffer.byteLength(text) > MUSL_LINE_OCTETS) {
      this.note(line, `longer than ${MUSL_LINE_OCTETS} octets: musl ignores the whole line`);
    }
    if (text.startsWith(BYTE_ORDER_MARK)) {
      this.note(line, 'ignored, as libc does: it begins with a byte order mark (U+FEFF)');
      return;
    }
    if (/^[ \t\v\f]/.test(text)) {
      this.note(line, 'ignored, as libc does: it begins with white space');
      return;
    }
    const [keyword = '', ...values] = this.words(text, line);
    if (keyword === 'nameserver') this.nameserver(values[0], line);
    else if (keyword === 'search') this.setSearch(values, line);
    else if (keyword === 'domain') this.setSearch(values.slice(0, 1), line);
    else if (keyword === 'options') this.setOptions(values, line);
    // `sortlist` orders addresses in glibc's getaddrinfo; it does not concern a DNS server.
    else if (keyword !== 'sortlist') this.note(line, `unknown keyword: ${visible(keyword)}`);
  }

  /**
   * libc has no comments after values. A word that begins like a comment cannot be a suffix, so the line is cut there.
   */
  private words(text: string, line: number): string[] {
    const words = wordsOf(text);
    const comment = words.findIndex((word) => /^[#;]/.test(word));
    if (comment === -1) return words;
    this.note(line, 'a comment needs a line of its own: libc takes it for values');
    return words.slice(0, comment);
  }

  private nameserver(address: string | undefined, line: number): void {
    if (address === undefined || isIP(address) === 0) {
      const isEndpoint = address !== undefined && parseEndpoint(address, DNS_PORT) !== undefined;
      const hint = isEndpoint ? `: no port can stand here; --upstream ${address} takes one` : '';
      this.note(line, `nameserver is not an address: ${visible(address ?? '')}${hint}`);
      return;
    }
    this.nameservers.push(address);
    if (this.nameservers.length === LIBC_NAMESERVERS + 1) {
      this.note(line, `more than ${LIBC_NAMESERVERS} nameservers: libc never asks this one`);
    }
  }

  private setSearch(suffixes: readonly string[], line: number): void {
    const names = new Set<Name>();
    for (const suffix of suffixes) {
      try {
        names.add(parseName(suffix));
      } catch (error) {
        this.note(line, `suffix left out: ${error instanceof Error ? error.message : error}`);
      }
    }
    this.search = [...names];
  }

  private setOptions(words: readonly string[], line: number): void {
    const left = [...words];
    for (let word = left.shift(); word !== undefined; word = left.shift()) {
      const [name = '', ...rest] = word.split(':');
      let value = rest.join(':');
      if (NUMBERED.has(name) && rest.length === 0) {
        this.note(line, `ignored, as libc does: ${name} without a colon; it is written ${name}:5`);
        continue;
      }
      if (NUMBERED.has(name) && value === '' && /^[+-]?\d/.test(left[0] ?? '')) {
        value = left.shift() ?? '';
        this.note(
          line,
          `a blank before the value of ${name}: glibc reads ${value}, musl ignores it`,
        );
      }
      this.options.set(name, value);
    }
  }
}

function wordsOf(line: string): string[] {
  return line.split(BLANKS).filter((word) => word !== '');
}

/**
 * Writes all but printable ASCII as `<U+XXXX>`: a U+00A0, which libc takes as part of the word, would look like a
 * blank.
 */
function visible(word: string): string {
  return word.replace(/[^\x21-\x7e]/gu, (c) => {
    const code = c.codePointAt(0) ?? 0;
    return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
  });
}

/**
 * The resolv.conf to publish: search list and options as they were, and our address as the only nameserver, because
 * musl asks every nameserver at once and takes whichever answers first (M1).
 *
 * @param endpoint - Has port 53: resolv.conf cannot name another.
 */
export function renderResolvConf(original: ResolvConf, endpoint: Endpoint): string {
  const lines = ['# Written by sidestub.', `nameserver ${endpoint.address}`];
  if (original.search.length > 0) {
    lines.push(`search ${original.search.map(withoutFinalDot).join(' ')}`);
  }
  if (original.options.size > 0) {
    const options = [...original.options].map(([name, value]) =>
      value === '' ? name : `${name}:${value}`,
    );
    lines.push(`options ${options.join(' ')}`);
  }
  return `${lines.join('\n')}\n`;
}

/**
 * The listen address that a resolv.conf can name: the first with port 53, with the loopback for a wildcard; `undefined`
 * if there is none.
 */
export function publishedNameserver(addresses: readonly Endpoint[]): Endpoint | undefined {
  const listener = addresses.find(({ port }) => port === DNS_PORT);
  return listener === undefined ? undefined : reachable(listener);
}

function withoutFinalDot(name: Name): string {
  return name === '.' ? name : name.slice(0, -1);
}

import type { Milliseconds } from '../../src/clock.ts';
import type { Outcome } from '../support/real-clients.ts';
import type { Draw, Faults, Span } from './draw.ts';

/** What one client got on one way. */
export interface Result {
  readonly outcome: Outcome;
  readonly addresses: readonly string[];
  readonly ms: Milliseconds;
  readonly error: string;
}

/** A client, asking directly and through sidestub in the same moments. */
export interface Pair {
  readonly client: string;
  readonly direct: Result;
  readonly through: Result;
}

/** What is found directly within this time is found through sidestub too. */
const WITHIN: Milliseconds = 4_000;
/** And so much later at most. */
const LATER: Milliseconds = 350;
/** U1: how long a first server is waited for before the second is asked. */
const FIRST_SILENT: Milliseconds = 1_100;
/** F5: how long one family waits for the other. */
const FAMILY_SILENT: Milliseconds = 700;

/**
 * What breaks the law, in a sentence each: every address that a client finds directly it finds through sidestub, hardly
 * later; a temporary failure never becomes a denial; a denial is a denial directly.
 *
 * Three exceptions have bounds of their own: a first server that says nothing, one family that says nothing, and an
 * upstream that is away for longer than a question lives, which may become SERVFAIL and never NXDOMAIN.
 */
export function violations(draw: Draw, pairs: readonly Pair[]): string[] {
  return pairs.flatMap((pair) => brokenBy(draw, pair).map((what) => `${pair.client}: ${what}`));
}

function brokenBy(draw: Draw, { client, direct, through }: Pair): string[] {
  const broken: string[] = [];
  const told = `${through.outcome} (${through.error}) after ${Math.round(through.ms)} ms`;
  if (direct.outcome === 'found' && direct.ms <= WITHIN) {
    const limit = direct.ms + LATER + patience(draw);
    const missing = direct.addresses.filter((each) => !through.addresses.includes(each));
    const found = `${direct.addresses.length} addresses after ${Math.round(direct.ms)} ms directly`;
    if (through.outcome !== 'found') broken.push(`${found}, ${told} through sidestub`);
    else if (missing.length > 0) broken.push(`${found}, ${missing.join(' ')} not through sidestub`);
    else if (through.ms > limit)
      broken.push(`${found}, ${Math.round(through.ms)} ms through sidestub`);
  }
  if (through.outcome === 'not found' && direct.outcome !== 'not found' && !mayDeny(draw, client)) {
    broken.push(`${direct.outcome} directly, ${told} through sidestub`);
  }
  return [...new Set(broken)];
}

/**
 * Whether a denial may be right though the client was not told so directly: the name does not exist; the upstream denies
 * it, and was heard here and not there; a second server that says something else is heard since the first is not.
 *
 * Some clients make one themselves. Go: of SERVFAIL for one name of its search list and NXDOMAIN for the last. glibc: of
 * SERVFAIL for one family beside NODATA for the other, where directly both stay silent.
 */
function mayDeny({ name, servers }: Draw, client: string): boolean {
  const [first, second] = servers;
  const isOther = first !== undefined && isSilent(first) && second?.says !== undefined;
  const says = servers.flatMap((faults) => faults.says ?? []);
  const isDenied =
    says.some(({ rcode, family }) => !FAILURES.has(rcode) && family === 'both') ||
    servers.some(({ reply }) => reply === 'ANCOUNT too low');
  if (name === 'missing' || isOther || isDenied) return true;
  if (client === 'glibc') return ONE_FAMILY.has(name);
  return client === 'Go' && says.some(({ rcode }) => FAILURES.has(rcode));
}

const FAILURES: ReadonlySet<string> = new Set(['SERVFAIL', 'REFUSED', 'NOTIMP', 'FORMERR']);
const ONE_FAMILY: ReadonlySet<string> = new Set(['v4', 'v6', 'many', 'service']);

/** How much later the exceptions allow an address to be. */
function patience({ servers }: Draw): Milliseconds {
  const [first, second] = servers;
  const afterFirst =
    first !== undefined && second !== undefined && isSilent(first) ? FIRST_SILENT : 0;
  const oneFamily = servers.some(
    ({ mute, says }) =>
      (mute !== undefined && mute.family !== 'both') ||
      (says !== undefined && says.family !== 'both'),
  );
  return afterFirst + (oneFamily ? FAMILY_SILENT : 0);
}

function isSilent({ mute, away, refused, edns, reply, tcp }: Faults): boolean {
  const spans: (Span | undefined)[] = [mute, away, refused];
  return (
    spans.some((span) => span !== undefined) ||
    edns !== 'known' ||
    reply !== 'whole' ||
    tcp !== 'answers'
  );
}

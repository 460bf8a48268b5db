import { Rcode, RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { countLabels, joinNames, type Name } from '../../src/wire/name.ts';

/** Which library's rules a walk follows: musl since 1.2.1 (M5, M6) or glibc (G5). */
export type Library = 'musl' | 'glibc';

/** What a client reads in its resolv.conf. */
export interface WalkPlan {
  readonly library: Library;
  /** With the dot of the root behind, which the program does not write. */
  readonly base: Name;
  readonly suffixes: readonly Name[];
  readonly ndots: number;
  /** How many names without addresses musl is led past, where the stub may do so (N7); none directly. */
  readonly ledPast?: number;
}

/** What the program that called getaddrinfo learns. */
export interface Found {
  readonly outcome: 'found' | 'not-found' | 'try-again';
  /** The name that ended the search. */
  readonly name: Name;
  /** Sorted, as hexadecimal octets. */
  readonly addresses: readonly string[];
}

/** Asks one pair; the two answers come together. */
export type AskPair = (qname: Name) => Promise<readonly [Message, Message]>;

/**
 * A walk in as few lines as can be read beside the rules.
 *
 * It is not the models of src/walk: they count time and octets, this asks for nothing but the outcome, and the same lines
 * walk the script and the stub.
 */
export async function plainWalk(plan: WalkPlan, ask: AskPair): Promise<Found> {
  let sawFailure = false;
  let ledPast = plan.ledPast ?? 0;
  for (const name of candidates(plan)) {
    const pair = await ask(name);
    const step = plan.library === 'musl' ? readMusl(pair) : readGlibc(pair);
    if (ledPast > 0 && step === NO_DATA && isPassable(name, pair)) {
      ledPast--;
      continue;
    }
    if (step.end) return { outcome: step.outcome, name, addresses: step.addresses };
    sawFailure ||= step.outcome === 'try-again';
  }
  return { outcome: sawFailure ? 'try-again' : 'not-found', name: '', addresses: [] };
}

/** N7: outside the zone, or the node of a namespace; and no alias. */
function isPassable(name: Name, pair: readonly Message[]): boolean {
  if (pair.some(({ answer }) => answer.length > 0)) return false;
  return !name.endsWith('.cluster.local.') || /^[^.]+\.svc\.cluster\.local\.$/.test(name);
}

/** M2, G5: enough dots, and musl asks for nothing but the name as it is. */
function candidates({ library, base, suffixes, ndots }: WalkPlan): Name[] {
  const expansions = suffixes.map((suffix) => joinNames(base, suffix));
  if (countLabels(base) - 1 < ndots) return [...expansions, base];
  return library === 'musl' ? [base] : [base, ...expansions];
}

interface Step {
  readonly end: boolean;
  readonly outcome: Found['outcome'];
  readonly addresses: readonly string[];
}

const NEXT: Step = { end: false, outcome: 'not-found', addresses: [] };
const NO_DATA: Step = { end: true, outcome: 'not-found', addresses: [] };

/** M4, M5, M6: A is looked at first; only a denial moves the search on. */
function readMusl(pair: readonly Message[]): Step {
  for (const { rcode } of pair) {
    if (rcode === Rcode.NXDOMAIN) return NEXT;
    if (rcode !== Rcode.NOERROR) return { end: true, outcome: 'try-again', addresses: [] };
  }
  const addresses = pair.flatMap(addressesOf).sort();
  return addresses.length === 0 ? NO_DATA : { end: true, outcome: 'found', addresses };
}

/** G5: any record ends the search; a denial, no data and a failure alike move it on. */
function readGlibc(pair: readonly Message[]): Step {
  const useful = pair.filter(({ rcode, answer }) => rcode === Rcode.NOERROR && answer.length > 0);
  if (useful.length > 0) {
    const addresses = useful.flatMap(addressesOf).sort();
    return addresses.length === 0 ? NO_DATA : { end: true, outcome: 'found', addresses };
  }
  const known = pair.some(({ rcode }) => rcode === Rcode.NXDOMAIN || rcode === Rcode.NOERROR);
  return known ? NEXT : { ...NEXT, outcome: 'try-again' };
}

function addressesOf({ answer }: Message): string[] {
  return answer
    .filter(({ type }) => type === RrType.A || type === RrType.AAAA)
    .map(({ rdata }) => Buffer.from(rdata).toString('hex'));
}

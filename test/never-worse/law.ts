import { isDeepStrictEqual } from 'node:util';
import type { Milliseconds } from '../../src/clock.ts';
import type { Outcome } from '../support/real-clients.ts';
import { type Draw, type Faults, SOUND } from './draw.ts';
import { isAnyones } from './reply-octets.ts';

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
/** U2: how often at least a datagram is tried that the kernel refuses. */
const REFUSED_AGAIN: Milliseconds = 800;
/** U3: how long a better reply is waited for, once more. */
const UNREAD_AGAIN: Milliseconds = 250;
/** F5: how long one family waits for the other. */
const FAMILY_SILENT: Milliseconds = 700;

/**
 * What breaks the law, in a sentence each: every address that a client finds directly within 4.0 s it finds through
 * sidestub, hardly later; a temporary failure never becomes a denial; a denial is a denial directly.
 *
 * It is for a client with one nameserver, or with several of which the first answers. Exceptions, each with its bound:
 *
 * - A first server that is silent, or whose TCP is where a long answer needs it: 1.1 s (U1). Where it does not answer,
 *   and something is wrong with the second as well, that second decides whether anything is found; then only what is
 *   said of denials holds.
 * - A first of two servers that denies what the second has, or one family of it: it is believed (U1), where musl takes
 *   what comes first, and the better of two.
 * - A second server that is nearer: musl asks both and takes what comes first. Each of its steps may take as much longer
 *   as the first is further away, since that one is asked (U1).
 * - One family that is silent, also at a second server where the first has failed: the other's addresses, after 700 ms
 *   (F5). The only family that the pod can route, and one of the steps before the name, is waited for as long as it is
 *   refused, and until it is sent again.
 * - A name that is made after a failure: a server's own failure is believed for 1 s, and longer each time (C6, RFC
 *   9520). Some clients make a denial of it, as below.
 * - Behind a node daemon a reply that cannot be read: a better one is waited for twice, up to 250 ms each (U3), by the
 *   daemon and then by the sidecar, which asks the server itself.
 * - A damaged reply of a server that drops what has an OPT: two round trips more. The query without one goes out when a
 *   timer of three has fired, and TCP is asked for a better reply then.
 * - Addresses that the pod cannot route, alone, where a server's replies cannot be read: the family that it can route has
 *   failed then, and is not taken for one without addresses (F5).
 * - FORMERR for a step of a walk: clients get SERVFAIL, since musl would wait 5 s for more (L3). c-ares ends its search
 *   there, and goes on from FORMERR.
 * - Half an address at the end of a reply that is cut, which musl takes: it is nobody's.
 * - An upstream that is away for longer than 4.0 s: SERVFAIL, never NXDOMAIN. Of SERVFAIL some clients make a denial
 *   themselves (see {@link makesDenial}): where they find nothing directly within 4.0 s either, and nowhere else.
 */
export function violations(draw: Draw, pairs: readonly Pair[]): string[] {
  return pairs.flatMap((pair) => brokenBy(draw, pair).map((what) => `${pair.client}: ${what}`));
}

function brokenBy(draw: Draw, asked: Pair): string[] {
  const pair = { ...asked, direct: withoutHalves(draw, asked.direct) };
  const { direct, through } = pair;
  const isInTime = direct.outcome === 'found' && direct.ms <= WITHIN;
  const isFirstsWord = draw.servers.length > 1 && through.outcome === 'not found' && isDenied(draw);
  const isExcepted =
    hangsOnSecond(draw) ||
    isRemembered(draw) ||
    endsAtServfail(draw, pair) ||
    isOfNoUse(draw, pair);
  const isPromised = isInTime && !isExcepted && !isFirstsWord;
  const late = isPromised ? whatIsLost(draw, pair) : undefined;
  const mayFail = !isInTime || isRemembered(draw);
  const mayDeny = isDenied(draw) || (mayFail && makesDenial(draw, pair));
  const isDenial = through.outcome === 'not found' && direct.outcome !== 'not found' && !mayDeny;
  const denial = isDenial ? `${direct.outcome} directly, ${told(through)}` : undefined;
  return [late, denial].filter((each) => each !== undefined);
}

/** What is found of addresses that exist. */
function withoutHalves({ servers }: Draw, direct: Result): Result {
  if (direct.outcome !== 'found' || !servers.some(({ reply }) => reply === 'cut')) return direct;
  const addresses = direct.addresses.filter(isAnyones);
  return { ...direct, addresses, outcome: addresses.length > 0 ? 'found' : 'try again' };
}

function whatIsLost(draw: Draw, { client, direct, through }: Pair): string | undefined {
  const found = `${direct.addresses.length} addresses after ${Math.round(direct.ms)} ms directly`;
  if (through.outcome !== 'found') return `${found}, ${told(through)}`;
  const missing = direct.addresses.filter(
    (each) =>
      !through.addresses.includes(each) &&
      !isOfSilentFamily(draw, each) &&
      !isDeniedByFirst(draw, each),
  );
  if (missing.length > 0) return `${found}, ${missing.join(' ')} not through sidestub`;
  const further = client.startsWith('musl') ? firstIsFurther(draw) : 0;
  const isLate = through.ms > direct.ms + LATER + further + patience(draw);
  return isLate ? `${found}, ${Math.round(through.ms)} ms through sidestub` : undefined;
}

function told({ outcome, error, ms }: Result): string {
  return `${outcome} (${error}) after ${Math.round(ms)} ms through sidestub`;
}

/** Whether a denial is the truth as some server tells it, who was heard here and may not have been heard there. */
function isDenied({ name, servers }: Draw): boolean {
  const says = servers.flatMap((faults) => faults.says ?? []);
  const isSaid = says.some(
    ({ rcode, family }) => isWord(rcode) && (family === 'both' || family === ONE_FAMILY.get(name)),
  );
  return name === 'missing' || isSaid || servers.some(({ reply }) => reply === 'ANCOUNT too low');
}

/**
 * Whether a client may have made its denial itself, of a SERVFAIL that stands for silence: glibc and c-ares drop one
 * beside the NODATA of the other family; glibc goes on to the next suffix after one (G5), and Go says what the last name
 * of its search list was told. Silence in place of SERVFAIL would cost each client its whole patience.
 */
function makesDenial({ name, list }: Draw, { client }: Pair): boolean {
  if (client === 'c-ares') return ONE_FAMILY.has(name);
  if (client === 'glibc') return ONE_FAMILY.has(name) || list === 'Kubernetes';
  return client === 'Go';
}

const ONE_FAMILY: ReadonlyMap<Draw['name'], 'A' | 'AAAA'> = new Map([
  ['v4', 'A'],
  ['v6', 'AAAA'],
  ['many', 'A'],
  ['service', 'A'],
  ['made service', 'A'],
  ['made elsewhere', 'A'],
  ['elsewhere', 'A'],
  ['in dev', 'A'],
]);

/** Whether the name has failed before it was made, by a server's own word. */
function isRemembered({ name, servers }: Draw): boolean {
  if (!name.startsWith('made')) return false;
  return servers.some(
    ({ says }) => says !== undefined && says.names !== 'existing' && !isWord(says.rcode),
  );
}

/** Whether c-ares ends at a step that it would go on from: at SERVFAIL, in which FORMERR is told (L3). */
function endsAtServfail({ servers, list }: Draw, { client }: Pair): boolean {
  const isAtStep = servers.some(
    ({ says }) => says?.rcode === 'FORMERR' && says.names !== 'existing',
  );
  return client === 'c-ares' && list === 'Kubernetes' && isAtStep;
}

/** Whether all that is found cannot be routed, and what could be is not readable. */
function isOfNoUse({ servers, routes }: Draw, { direct: { addresses } }: Pair): boolean {
  const isRouted = routes === 'both' || addresses.some((address) => !address.includes(':'));
  return !isRouted && servers.some(isUnreadable);
}

const isWord = (rcode: string) => rcode === 'NXDOMAIN' || rcode === 'NODATA';

/** Whether the first server does not answer, and the second is no sound one: when it is asked decides. */
function hangsOnSecond(draw: Draw): boolean {
  const [first, second] = draw.servers;
  if (first === undefined || second === undefined) return false;
  const isFirstHeard = !isFirstSilent(draw) && first.refused === undefined && !isUnread(first);
  return !isFirstHeard && !isDeepStrictEqual(withoutDelay(second), withoutDelay(SOUND));
}

const withoutDelay = ({ delay: _, cutAt: __, ...faults }: Faults) => faults;

const familyOf = (address: string) => (address.includes(':') ? 'AAAA' : 'A');

/** F5: where one family is silent, the other's addresses are promised, and no more. */
function isOfSilentFamily(draw: Draw, address: string): boolean {
  const family = familyOf(address);
  const isMute = draw.servers.some(
    ({ mute }) => mute?.family === family && mute.transport !== 'TCP',
  );
  return isMute || failedFamily(draw) === family;
}

/** Whether the first of two servers denies the family of this address. */
function isDeniedByFirst({ servers: [first, second] }: Draw, address: string): boolean {
  if (second === undefined || first?.says === undefined || !isWord(first.says.rcode)) return false;
  return first.says.family === 'both' || first.says.family === familyOf(address);
}

/**
 * For which family the first server fails and the second is silent. glibc takes what the other family has, where sidestub
 * asks the second server, as musl and Go do.
 */
function failedFamily({ servers: [first, second] }: Draw): string | undefined {
  const { says } = first ?? {};
  if (says === undefined || isWord(says.rcode) || !isSilent(second)) return undefined;
  return says.family === 'both' ? undefined : says.family;
}

/** The suffixes of the search list, and the name itself. */
const STEPS = 4;

/** How much longer the steps of a walk take at the first server than at the second. */
function firstIsFurther({ servers: [first, second], list }: Draw): Milliseconds {
  if (first === undefined || second === undefined) return 0;
  const further = Math.max(0, first.delay - second.delay);
  return further * (list === 'Kubernetes' ? STEPS : 1);
}

/** How much later the exceptions allow an address to be. */
function patience(draw: Draw): Milliseconds {
  const afterFirst = draw.servers.length > 1 && isFirstSilent(draw) ? FIRST_SILENT : 0;
  const family = waitsForFamily(draw) ? FAMILY_SILENT : 0;
  const unread = Math.max(isUnreadTwice(draw) ? UNREAD_AGAIN : 0, untilReadWithoutOpt(draw));
  return afterFirst + Math.max(untilSent(draw), family, unread);
}

/** Two round trips, where a damaged reply comes of the query without an OPT alone, and TCP may have a better one (U3, U4). */
function untilReadWithoutOpt({ servers }: Draw): Milliseconds {
  const far = servers.filter((each) => each.edns.startsWith('dropped') && isUnreadable(each));
  return Math.max(0, ...far.map(({ delay }) => 2 * delay));
}

/** Whether a sidecar waits for a better reply after its node daemon has. */
function isUnreadTwice({ servers, nodeDaemon }: Draw): boolean {
  return nodeDaemon && servers.some((each) => isUnreadable(each));
}

/**
 * How long the kernel refuses a family that is waited for, and one interval between two tries more (U2): the only one that
 * the pod can route, or one of the steps before the name, where the other family has no addresses.
 */
function untilSent({ servers, routes, list }: Draw): Milliseconds {
  const isWaitedFor = (family: string) =>
    routes === 'both' ? list === 'Kubernetes' && family !== 'both' : family === 'A';
  const ends = servers.flatMap(({ refused }) =>
    refused !== undefined && isWaitedFor(refused.family) ? [refused.to] : [],
  );
  return Math.max(0, ...ends.map((to) => to + REFUSED_AGAIN));
}

/** Whether the first server says nothing, or nothing over TCP where the answer needs that. */
function isFirstSilent({ name, servers: [first] }: Draw): boolean {
  return isSilent(first) || (first !== undefined && name === 'many' && hasMuteTcp(first));
}

const hasMuteTcp = ({ tcp }: Faults) => tcp === 'silent' || tcp === 'dropped';

/**
 * ICMP counts as silence: the kernel sends six to one peer, then one a second. So does what is silent to an OPT: clients
 * send none.
 */
function isSilent(server: Faults | undefined): boolean {
  const { mute, away, edns } = server ?? {};
  const isMute = mute !== undefined && mute.transport !== 'TCP';
  return away !== undefined || isMute || edns?.startsWith('dropped') === true;
}

function isUnread({ reply }: Faults): boolean {
  return reply.includes('COUNT');
}

const isUnreadable = (faults: Faults) => isUnread(faults) || isCutShort(faults);

/** Too short for the addresses of one family, or of both. */
function isCutShort({ reply, cutAt }: Faults): boolean {
  return reply === 'cut' && cutAt < 200;
}

/** Whether one family may be waited for. */
function waitsForFamily(draw: Draw): boolean {
  const { servers, name } = draw;
  const isOneRefused = servers.some(
    ({ refused }) => refused !== undefined && refused.family !== 'both',
  );
  const isOneSilent = servers.some(({ mute }) => mute !== undefined && mute.family !== 'both');
  // A second server is asked for what the first has said in a way that cannot be read, and may be silent as well.
  const isOneUnread = servers.length > 1 && ONE_FAMILY.has(name) && servers.some(isUnread);
  const isOneFailed = failedFamily(draw) !== undefined;
  return isOneRefused || isOneSilent || isOneFailed || isOneUnread;
}

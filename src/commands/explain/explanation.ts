import type { Clock, Milliseconds } from '../../clock.ts';
import type { Endpoint } from '../../endpoint.ts';
import { isIanaTld } from '../../resolve/iana-tlds.ts';
import type { AskTransport } from '../../walk/ask-socket.ts';
import { cares } from '../../walk/c-ares.ts';
import { glibc } from '../../walk/glibc.ts';
import { go } from '../../walk/go.ts';
import type { KnownAddresses } from '../../walk/hosts-first.ts';
import { musl } from '../../walk/musl.ts';
import { tellingTransport } from '../../walk/telling-transport.ts';
import type { Client, ResolverFacts, Step, Walk } from '../../walk/walk.ts';
import { typeName } from '../../wire/codes.ts';
import { labelsOf, lastLabel, type Name, parseName } from '../../wire/name.ts';

/** One lookup of the name by one client. */
export interface Lookup {
  readonly client: string;
  readonly path: 'sidestub' | 'direct';
  /** Absent if the lookup was given up. */
  readonly walk?: Walk;
  /** The source that the daemon gave for its answers: `A cut com.svc.cluster.local.`, `AAAA cache`, by QNAME. */
  readonly sources: ReadonlyMap<Name, readonly string[]>;
}

/** Everything that there is to say of a name. */
export interface Explanation {
  readonly name: string;
  /** From /etc/hosts, where programs look first: with these no server is asked (L6). */
  readonly hosts?: readonly string[];
  readonly lookups: readonly Lookup[];
  /** What an operator should know, a sentence each. */
  readonly warnings: readonly string[];
}

export interface ExplainOptions {
  readonly daemon: Endpoint;
  /** The servers that are asked without the daemon; none where they are not known. */
  readonly servers: readonly Endpoint[];
  readonly search: Pick<ResolverFacts, 'search' | 'ndots'>;
  readonly clock: Clock;
  readonly transport: AskTransport;
  /** What programs know without a server; by default nothing. */
  readonly known?: KnownAddresses;
}

/** Two rounds of a libc's timeouts: a lookup that takes longer is reported as such. */
export const LONGEST_LOOKUP: Milliseconds = 10_000;

/**
 * Looks a name up as each client library does, through the daemon and without it.
 *
 * Through the daemon the lookups run one after the other, so that the first shows a cold walk and the rest a warm one.
 * Direct lookups run at the same time, because each may wait for seconds.
 *
 * @throws {WireError} If `name` is not a domain name.
 */
export async function explainName(name: string, options: ExplainOptions): Promise<Explanation> {
  parseName(name);
  const hosts = options.known?.(name);
  const lookups: Lookup[] = [];
  for (const make of CLIENTS) {
    const lookup = await through(name, make, options);
    lookups.push(lookup);
    // No server answers: the other clients would only wait as long again.
    if (!wasAnswered(lookup)) break;
  }
  if (options.servers.length > 0) {
    lookups.push(...(await Promise.all(CLIENTS.map((make) => directly(name, make, options)))));
  }
  const warnings = [...hostsWarning(name, hosts), ...warningsFor(name, lookups)];
  return { name, ...(hosts === undefined ? {} : { hosts }), lookups, warnings };
}

/** Whether any server replied at all. */
export function wasAnswered({ walk }: Lookup): boolean {
  const isReplied = ({ rcodeA, rcodeAAAA }: Step) => (rcodeA ?? rcodeAAAA) !== undefined;
  return walk?.steps.some(isReplied) === true;
}

type MakeClient = (options: Parameters<typeof glibc>[0]) => Client;

/** musl since 1.2.1 comes first, because it resolves the fewest names (M5, M6). */
const CLIENTS: readonly MakeClient[] = [(options) => musl(options, '1.2.3'), glibc, go, cares];

async function through(name: string, make: MakeClient, options: ExplainOptions): Promise<Lookup> {
  const sources = new Map<Name, string[]>();
  const transport = tellingTransport(options.transport, (qname, qtype, source) => {
    const told = sources.get(qname) ?? [];
    sources.set(qname, [...told, `${typeName(qtype)} ${source}`]);
  });
  const { clock, daemon, search } = options;
  const client = make({ clock, transport, facts: { ...search, nameservers: [daemon] } });
  return lookup(name, client, { path: 'sidestub', sources, clock });
}

async function directly(name: string, make: MakeClient, options: ExplainOptions): Promise<Lookup> {
  const { clock, transport, search, servers } = options;
  const client = make({ clock, transport, facts: { ...search, nameservers: servers } });
  return lookup(name, client, { path: 'direct', sources: new Map(), clock });
}

async function lookup(
  name: string,
  client: Client,
  { clock, path, sources }: Pick<Lookup, 'path' | 'sources'> & { readonly clock: Clock },
): Promise<Lookup> {
  const limit = new AbortController();
  const giveUp = () => limit.abort(new Error('too long'));
  const timer = clock.after(LONGEST_LOOKUP, giveUp).keepAlive();
  const common = { client: client.name, path, sources };
  try {
    return { ...common, walk: await client.walk(name, limit.signal) };
  } catch (error) {
    if (limit.signal.aborted) return common;
    throw error;
  } finally {
    timer.cancel();
  }
}

function hostsWarning(name: string, hosts: readonly string[] | undefined): string[] {
  if (hosts === undefined) return [];
  return [
    `programs take ${name} from /etc/hosts and ask no server: ${hosts.join(' ')}; this is what the servers would say`,
  ];
}

/** Findings that show only when the lookups are compared. */
export function warningsFor(name: string, lookups: readonly Lookup[]): string[] {
  const through = lookups.filter(({ path }) => path === 'sidestub');
  const warnings = disagreement('through sidestub', through);
  const direct = lookups.filter(({ path }) => path === 'direct');
  warnings.push(...disagreement('directly', direct));
  for (const here of through) {
    const there = direct.find(({ client }) => client === here.client);
    if (there !== undefined && told(here) !== told(there)) {
      warnings.push(`${here.client}: through sidestub ${told(here)}, directly ${told(there)}`);
    }
  }
  const step = through.map(endOf).find((each) => each?.suffix !== undefined);
  if (step?.suffix !== undefined && looksPublic(name)) {
    const [found, suffix] = [shown(step.name), shown(step.suffix)];
    warnings.push(
      `${found} stands before the public name ${name}, by the suffix ${suffix}: where ${name} itself is meant, pin it (search.pin)`,
    );
  }
  return warnings;
}

function disagreement(where: string, lookups: readonly Lookup[]): string[] {
  const outcomes = Map.groupBy(lookups, told);
  if (outcomes.size < 2) return [];
  const parts = Array.from(
    outcomes,
    ([outcome, own]) => `${own.map(({ client }) => client).join(', ')}: ${outcome}`,
  );
  return [`clients disagree ${where}: ${parts.join('; ')}`];
}

/** What the program sees, so that two lookups can be compared. */
function told({ walk }: Lookup): string {
  if (walk === undefined) return `no answer in ${LONGEST_LOOKUP / 1_000} s`;
  return walk.outcome === 'found' ? walk.addresses.toSorted().join(' ') : walk.outcome;
}

/** The step that found addresses. */
function endOf({ walk }: Lookup): Step | undefined {
  const step = walk?.steps.at(-1);
  return step?.meaning === 'addresses' ? step : undefined;
}

function looksPublic(name: string): boolean {
  const qname = parseName(name);
  return !name.endsWith('.') && labelsOf(qname).length > 1 && isIanaTld(lastLabel(qname));
}

function shown(name: Name): string {
  return name === '.' ? name : name.slice(0, -1);
}

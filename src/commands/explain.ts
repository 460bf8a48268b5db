import { writeFileSync } from 'node:fs';
import { monotonicClock } from '../clock.ts';
import { configurationFlags } from '../config/flags.ts';
import { loadSettings } from '../config/load.ts';
import { ownListener, reachable } from '../config/own-address.ts';
import type { Settings } from '../config/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { fileFailure } from '../input-error.ts';
import { paintFor } from '../terminal.ts';
import { knownHere } from '../walk/hosts-first.ts';
import { socketTransport } from '../walk/socket-transport.ts';
import { rcodeName } from '../wire/codes.ts';
import { WireError } from '../wire/wire-error.ts';
import {
  type Command,
  type CommandContext,
  ExitCode,
  isSet,
  printJson,
  textFlag,
  UsageError,
} from './command.ts';
import { explainSvg } from './explain/explain-svg.ts';
import { explainText } from './explain/explain-text.ts';
import { type Explanation, explainName, wasAnswered } from './explain/explanation.ts';
import { sourcesOf } from './sources.ts';

/** Shows what a lookup of a name does, step by step. */
export const command: Command = {
  summary: 'what a lookup of a name does, client by client and step by step',
  usage: `sidestub explain NAME [--json] [--svg FILE]

Looks NAME up as musl, glibc, Go and c-ares walk it, through the running daemon and then without it: each
name that is asked for, what was said to it, how long it took, and where the daemon had it from (cut, cache,
pin, upstream …). Search list and ndots are those of resolv.conf, the servers that are asked directly are the
daemon's upstreams. Warns where clients would disagree, or where a name in the cluster stands before a public
one. What is asked twice is cached: the first walk is the cold one. Exit code 0 however the lookups end, 1
where the daemon answers nothing.

  sidestub explain git.example.com
  sidestub explain api.dev --upstream 10.96.0.10 --svg api.svg`,
  options: {
    json: { type: 'boolean', meaning: 'print JSON' },
    svg: { type: 'string', hint: 'FILE', meaning: 'draw the picture into a file too' },
    ...configurationFlags(),
  },
  main,
};

/** The width of a terminal that does not report one. */
const DEFAULT_COLUMNS = 110;

async function main(context: CommandContext): Promise<number> {
  const { flags, positionals, stdout, stderr, env } = context;
  const [name, ...more] = positionals;
  if (name === undefined) throw new UsageError('no name to explain: sidestub explain NAME');
  if (more.length > 0) throw new UsageError(`unexpected argument: ${more[0]}`);
  const sources = await sourcesOf(context);
  const { settings } = loadSettings({ ...sources, needsUpstreams: false });
  const servers = directServers(settings, sources.machine);
  if (servers.length === 0) {
    stderr.write('sidestub: no upstream to ask directly over UDP; name one with --upstream\n');
  }
  const explanation = await explainOrRefuse(name, settings, servers);
  const svg = textFlag(flags, 'svg');
  if (svg !== undefined && !writeSvg(svg, explanation, stderr)) return ExitCode.FAILURE;
  const columns = Math.max(80, stdout.columns ?? DEFAULT_COLUMNS);
  if (isSet(flags, 'json')) printJson(context, jsonOf(explanation));
  else stdout.write(explainText(explanation, columns, paintFor(stdout, env)));
  return heardFrom(explanation) ? ExitCode.OK : ExitCode.FAILURE;
}

async function explainOrRefuse(
  name: string,
  { listen, search }: Settings,
  servers: readonly Endpoint[],
): Promise<Explanation> {
  const [first] = listen.addresses;
  try {
    return await explainName(name, {
      daemon: reachable(first ?? { address: '127.0.0.1', port: 53 }),
      servers,
      search: { search: search.suffixes, ndots: search.ndots },
      clock: monotonicClock,
      transport: socketTransport,
      known: knownHere,
    });
  } catch (error) {
    if (error instanceof WireError) throw new UsageError(error.message);
    throw error;
  }
}

/**
 * The upstreams in the order in which a libc would ask them. Not those of resolv.conf, which names the daemon in a
 * job's container.
 */
function directServers({ upstreams, listen }: Settings, machine: readonly string[]): Endpoint[] {
  return upstreams
    .flat()
    .filter(({ transport }) => transport === 'udp' || transport === 'tcp')
    .map(({ endpoint }) => endpoint)
    .filter((endpoint) => ownListener(endpoint, listen.addresses, machine) === undefined);
}

function writeSvg(path: string, explanation: Explanation, stderr: CommandContext['stderr']) {
  try {
    writeFileSync(path, explainSvg(explanation));
    return true;
  } catch (error) {
    stderr.write(`sidestub: --svg ${path}: ${fileFailure(error)}\n`);
    return false;
  }
}

function heardFrom({ lookups }: Explanation): boolean {
  return lookups.some((lookup) => lookup.path === 'sidestub' && wasAnswered(lookup));
}

function jsonOf({ name, hosts, lookups, warnings }: Explanation) {
  const word = (rcode: number | undefined) => (rcode === undefined ? null : rcodeName(rcode));
  const shown = lookups.map(({ client, path, walk, sources }) => ({
    client,
    path,
    outcome: walk?.outcome ?? null,
    addresses: walk?.addresses ?? [],
    elapsed: walk?.elapsed ?? null,
    steps: (walk?.steps ?? []).map(({ rcodeA, rcodeAAAA, ...step }) => ({
      ...step,
      rcodeA: word(rcodeA),
      rcodeAAAA: word(rcodeAAAA),
      sources: sources.get(step.name) ?? [],
    })),
  }));
  return { name, hosts: hosts ?? null, lookups: shown, warnings };
}

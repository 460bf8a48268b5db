import { type Milliseconds, monotonicClock } from '../clock.ts';
import { configurationFlags } from '../config/flags.ts';
import { loadSettings } from '../config/load.ts';
import { reachable } from '../config/own-address.ts';
import type { Settings } from '../config/settings.ts';
import { parseName } from '../wire/name.ts';
import { WireError } from '../wire/wire-error.ts';
import { untilReady } from './ask-ready.ts';
import {
  type Command,
  type CommandContext,
  ExitCode,
  isSet,
  printJson,
  UsageError,
} from './command.ts';
import { durationFlag } from './duration-flag.ts';
import { sourcesOf } from './sources.ts';
import { notReady } from './wait/hook.ts';
import { type NameWait, waitForName } from './wait/name-wait.ts';
import { strictClients } from './wait/strict-clients.ts';

/** Blocks until names resolve, in place of repeated calls of `getent hosts`. */
export const command: Command = {
  summary: 'wait until names resolve or the daemon is ready, or say why not',
  usage: `sidestub wait [NAME…] [--timeout 30s] [--json]

Looks each name up through the daemon, as musl and glibc do, until both of them find an address: search
list and ndots are those of resolv.conf, and a name with a dot at its end is asked as it stands. On a
terminal it shows what it waits for; elsewhere, or with --json, it prints one JSON document at the end,
and on stderr one line for each name that does not resolve.
Exit code 0 when all names resolve, 1 with the reason for each that does not.

Without a name it waits until the daemon is ready, by /ready of its status server: upstream answers,
and the names of ready.names resolve. A postStart hook that holds a pod's other containers back:

  sidestub wait --metrics 0.0.0.0:9553

  sidestub wait git.example.com registry.example.com --timeout 60s
  sidestub wait postgres --json | jq -r '.names[] | select(.resolved | not) | .reason'`,
  options: {
    timeout: { type: 'string', hint: 'DURATION', meaning: 'how long to wait, at most 1h (30s)' },
    json: { type: 'boolean', meaning: 'print JSON on a terminal too' },
    ...configurationFlags(),
  },
  main,
};

/** About as long as a cluster DNS pod is away while it is rescheduled. */
const DEFAULT_TIMEOUT = '30s';
const LONGEST: Milliseconds = 3_600_000;
/** Each name has sockets of its own (S1). */
const MAX_NAMES = 64;

async function main(context: CommandContext): Promise<number> {
  const timeout = durationFlag(context.flags, 'timeout', DEFAULT_TIMEOUT, { max: LONGEST });
  const names = namesOf(context.positionals);
  const { settings } = loadSettings({ ...(await sourcesOf(context)), needsUpstreams: false });
  if (names.length === 0) return await waitForDaemon(context, settings, timeout);
  const asJson = isSet(context.flags, 'json') || context.stdout.isTTY !== true;
  const [first] = settings.listen.addresses;
  const server = reachable(first ?? { address: '127.0.0.1', port: 53 });
  const progress = new Progress(context, asJson);
  const waits = await Promise.all(
    names.map(async (name) => {
      const onRetry = (_: string, reason: string) => progress.retried(name, reason);
      const clients = strictClients(server, settings, monotonicClock);
      const wait = await waitForName(name, { clients, clock: monotonicClock, timeout, onRetry });
      progress.ended(wait);
      return wait;
    }),
  );
  const resolved = waits.every((wait) => wait.resolved);
  if (asJson) {
    const shown = waits.map((wait) => ({ ...wait, waited: Math.round(wait.waited) }));
    // kubelet shows a hook's stderr; stdout stays a single document.
    for (const { name, reason } of waits) {
      if (reason !== undefined) context.stderr.write(`${name} does not resolve: ${reason}\n`);
    }
    printJson(context, { resolved, names: shown });
  }
  return resolved ? ExitCode.OK : ExitCode.FAILURE;
}

async function waitForDaemon(
  { stderr }: CommandContext,
  { status: { address } }: Settings,
  timeout: Milliseconds,
): Promise<number> {
  if (address === undefined) {
    throw new UsageError('no name to wait for, and no status server to ask: --metrics ADDR:PORT');
  }
  const reason = await untilReady(reachable(address), { clock: monotonicClock, timeout });
  if (reason === undefined) return ExitCode.OK;
  stderr.write(notReady(timeout, reason));
  return ExitCode.FAILURE;
}

/** What a person sees during the wait: a line for each name that is done, and below them what is still missing. */
class Progress {
  private readonly context: CommandContext;
  private readonly silent: boolean;

  constructor(context: CommandContext, silent: boolean) {
    this.context = context;
    this.silent = silent;
  }

  retried(name: string, reason: string): void {
    if (this.silent) return;
    const { stdout } = this.context;
    const line = `waiting for ${name}: ${reason}`;
    // A line that wraps could not be taken back.
    stdout.write(`\r\x1b[K${line.slice(0, (stdout.columns ?? 80) - 1)}`);
  }

  ended({ name, resolved, addresses, waited, reason }: NameWait): void {
    if (this.silent) return;
    const said = resolved ? `${name} ${addresses.join(' ')}` : `${name}: ${reason}`;
    const after = `${(waited / 1_000).toFixed(1)} s`;
    this.context.stdout.write(`\r\x1b[K${resolved ? 'ok  ' : 'not '} ${said} (${after})\n`);
  }
}

function namesOf(names: readonly string[]): readonly string[] {
  if (names.length > MAX_NAMES)
    throw new UsageError(`more than ${MAX_NAMES} names: ${names.length}`);
  for (const name of names) {
    try {
      parseName(name);
    } catch (error) {
      if (error instanceof WireError) throw new UsageError(error.message);
      throw error;
    }
  }
  return names;
}

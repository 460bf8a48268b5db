import { type Clock, type Milliseconds, monotonicClock } from '../clock.ts';
import { configurationFlags } from '../config/flags.ts';
import { loadSettings } from '../config/load.ts';
import { reachable } from '../config/own-address.ts';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';
import { Rcode, RrClass, RrType, rcodeName } from '../wire/codes.ts';
import { readResponse } from '../wire/message.ts';
import { askReady } from './ask-ready.ts';
import { type Command, type CommandContext, ExitCode, UsageError } from './command.ts';
import { askServer } from './query/ask-server.ts';
import { sourcesOf } from './sources.ts';

/** Says whether the daemon is ready: an exec probe, for pods where kubelet cannot reach a loopback address. */
export const command: Command = {
  summary: 'exit 0 if the daemon is ready, 1 with the reason if not',
  usage: `sidestub health [configuration flags]

Asks the status server's /ready, or, where that is off, every listener for localhost. Give it the
flags and the environment of the daemon. Answers within 900 ms, so that it fits the second that
kubelet gives a probe.

  livenessProbe:
    exec: { command: [sidestub, health] }`,
  options: configurationFlags(),
  main,
};

/** Kubernetes' timeoutSeconds is 1 by default, and Node takes some of it to start. */
const TIMEOUT: Milliseconds = 900;

async function main(context: CommandContext): Promise<number> {
  const { positionals, stdout, stderr } = context;
  if (positionals.length > 0) throw new UsageError(`unexpected argument: ${positionals[0]}`);
  const { settings } = loadSettings({ ...(await sourcesOf(context)), needsUpstreams: false });
  const { status, listen } = settings;
  try {
    if (status.address === undefined) {
      const asked = listen.addresses.map((own) => askListener(reachable(own), monotonicClock));
      await Promise.all(asked);
    } else {
      const server = reachable(status.address);
      const reason = await askReady(server, { clock: monotonicClock, timeout: TIMEOUT });
      if (reason !== undefined) throw new Error(reason);
    }
    stdout.write('ready\n');
    return ExitCode.OK;
  } catch (error) {
    stderr.write(`not ready: ${error instanceof Error ? error.message : error}\n`);
    return ExitCode.FAILURE;
  }
}

/** The daemon answers `localhost` itself (L6), so that this does not depend on its upstreams. */
async function askListener(server: Endpoint, clock: Clock): Promise<void> {
  const question = { qname: 'localhost.', qtype: RrType.A, qclass: RrClass.IN };
  const asked = await askServer({ server, question, transport: 'udp', timeout: TIMEOUT, clock });
  const { rcode } = readResponse(asked.octets).message;
  if (rcode === Rcode.NOERROR) return;
  throw new Error(`${formatEndpoint(server)} answers ${rcodeName(rcode)} for localhost`);
}

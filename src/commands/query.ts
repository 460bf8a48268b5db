import { monotonicClock } from '../clock.ts';
import { configurationFlags } from '../config/flags.ts';
import { loadSettings } from '../config/load.ts';
import { reachable } from '../config/own-address.ts';
import { type Endpoint, parseEndpoint } from '../endpoint.ts';
import { RrClass, typeCode } from '../wire/codes.ts';
import { parseName } from '../wire/name.ts';
import type { Question } from '../wire/question.ts';
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
import { durationFlag } from './duration-flag.ts';
import { askServer } from './query/ask-server.ts';
import { responseText, showResponse } from './query/response-text.ts';
import { sourcesOf } from './sources.ts';

/** Asks one question, to show what a server answers. */
export const command: Command = {
  summary: 'one question to a server, by default the daemon',
  usage: `sidestub query NAME [TYPE] [--server ADDR:PORT] [--tcp] [--json]

Sends one question and prints the answer as a zone file with comments. NAME is asked as it
stands: no search list; TYPE is A unless it is given, TYPE65280 works too. Without --server the
question goes to the first address that the daemon listens on by this configuration. A truncated
answer is asked for again over TCP. Exit code 0 for any answer, NXDOMAIN too; 1 for none.

  sidestub query git.example.com AAAA
  sidestub query kubernetes.default.svc.cluster.local --server 10.96.0.10
  sidestub query example.com --json | jq -r '.answer[].data'`,
  options: {
    server: {
      type: 'string',
      hint: 'ADDR:PORT',
      meaning: 'the server to ask; port 53 if none is given',
    },
    tcp: { type: 'boolean', meaning: 'ask over TCP' },
    json: { type: 'boolean', meaning: 'print JSON' },
    timeout: { type: 'string', hint: 'DURATION', meaning: 'how long to wait for an answer (5s)' },
    ...configurationFlags(),
  },
  main,
};

/** A daemon answers after 4.5 s at the latest, if with SERVFAIL (U2). */
const DEFAULT_TIMEOUT = '5s';

async function main(context: CommandContext): Promise<number> {
  const { flags, stdout, stderr } = context;
  const question = questionOf(context.positionals);
  const timeout = durationFlag(flags, 'timeout', DEFAULT_TIMEOUT);
  const server = await serverOf(context);
  try {
    const transport = isSet(flags, 'tcp') ? 'tcp' : 'udp';
    const asked = await askServer({ server, question, transport, timeout, clock: monotonicClock });
    const shown = showResponse(asked, server);
    if (isSet(flags, 'json')) printJson(context, shown);
    else stdout.write(responseText(shown));
    return ExitCode.OK;
  } catch (error) {
    stderr.write(`sidestub: ${error instanceof Error ? error.message : error}\n`);
    return ExitCode.FAILURE;
  }
}

/** Not reached: the table requires at least one address. */
const LOOPBACK: Endpoint = { address: '127.0.0.1', port: 53 };

function questionOf([name, type = 'A', ...more]: readonly string[]): Question {
  if (name === undefined) throw new UsageError('no name to ask for: sidestub query NAME [TYPE]');
  if (more.length > 0) throw new UsageError(`unexpected argument: ${more[0]}`);
  const qtype = typeCode(type);
  if (qtype === undefined) throw new UsageError(`unknown type: ${type}`);
  try {
    return { qname: parseName(name), qtype, qclass: RrClass.IN };
  } catch (error) {
    if (error instanceof WireError) throw new UsageError(error.message);
    throw error;
  }
}

async function serverOf(context: CommandContext): Promise<Endpoint> {
  const text = textFlag(context.flags, 'server');
  if (text !== undefined) {
    const server = parseEndpoint(text, 53);
    if (server === undefined) throw new UsageError(`--server is not an address: ${text}`);
    return server;
  }
  const { settings } = loadSettings({ ...(await sourcesOf(context)), needsUpstreams: false });
  const [first] = settings.listen.addresses;
  return reachable(first ?? LOOPBACK);
}

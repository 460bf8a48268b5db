import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Endpoint, parseEndpoint } from '../../src/endpoint.ts';
import { typeName } from '../../src/wire/codes.ts';
import { readRequest } from '../../src/wire/request.ts';
import { parseExposition } from '../observe/exposition-parser.ts';
import { productEnv } from '../support/product-env.ts';
import {
  type HostileUpstream,
  startUpstream,
  tellTruth,
  type UpstreamOptions,
} from './hostile-upstream.ts';

/** What ends with the test, or with the run. */
export interface Owner {
  teardown(undo: () => unknown): void;
}

export interface DaemonOptions extends UpstreamOptions {
  /** Settings as the configuration file has them, on top of those that the harness needs. */
  readonly settings?: object;
  /** What starts it, in front of Node: `['prlimit', '--nofile=64']`. */
  readonly prefix?: readonly string[];
  /** Of Node: `['--max-old-space-size=24']`. */
  readonly nodeFlags?: readonly string[];
  /** As it ships: compiled, without the 34 MiB that stripping types costs. `npm ci` has built it. */
  readonly compiled?: boolean;
  /** In place of the hostile one. */
  readonly upstreams?: readonly string[];
}

/** `sidestub run` as a process of its own, in front of an upstream that the test plays. */
export interface HostileWorld {
  readonly upstream: HostileUpstream;
  readonly dns: Endpoint;
  readonly statusUrl: string;
  readonly child: ChildProcess;
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** The value of each series, by `name{labels}` as it stands in the exposition. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  /** One of them: 0 where it is not there. */
  metric(series: string): Promise<number>;
  /**
   * `qname TYPE` of each question that upstream was asked since the last call. What the daemon has sent again after silence
   * is left out: on a busy machine an answer comes after its timer of 30 ms.
   */
  takeQuestions(): Promise<string[]>;
  /** Open descriptors of the process. */
  descriptors(): number;
  /** MiB of the process: what it holds, and what of that is its own and not a file's. */
  memory(): { readonly rss: number; readonly anonymous: number };
  /** Whether it still runs and has met no bug. */
  health(): Promise<string>;
  stop(): Promise<void>;
}

const CLI = join(import.meta.dirname, '../../src/cli.ts');
const COMPILED = join(import.meta.dirname, '../../dist/cli.js');
/** Counts questions that went over TCP since the machine was busy, and for no other reason. */
const TCP_AFTER_SILENCE = 'sidestub_upstream_tcp_fallbacks_total{cause="silence"}';
/** A start on a machine that others use. */
const BOUND = 30_000;

/** Starts it on free ports of the loopback and waits until it is ready. */
export async function startWorld(t: Owner, options: DaemonOptions = {}): Promise<HostileWorld> {
  const upstream = await startUpstream(options);
  t.teardown(() => upstream.close());
  const { child, log, event, stop } = launch(t, upstream, options);
  await event('ready');
  const { addresses, status } = await event('listening');
  const dns = parseEndpoint(String((addresses as string[])[0]), 53);
  if (dns === undefined) throw new Error('listens nowhere');
  const statusUrl = `http://${String(status)}`;
  const metrics = async () => seriesOf(await (await fetch(`${statusUrl}/metrics`)).text());
  const metric = async (series: string) => (await metrics()).get(series) ?? 0;
  return {
    upstream,
    dns,
    statusUrl,
    child,
    log,
    metrics,
    metric,
    takeQuestions: questionsOf(upstream, metric),
    descriptors: () => readdirSync(`/proc/${child.pid}/fd`).length,
    memory: () => memoryOf(child.pid ?? 0),
    health: async () => {
      if (child.exitCode !== null) return `ended with ${child.exitCode}`;
      if (child.signalCode !== null) return `ended by ${child.signalCode}`;
      const bugs = await metric('sidestub_bugs_total');
      const stacks = log.filter((line) => line['event'] === 'bug').map((line) => line['stack']);
      return bugs === 0 ? 'well' : `${bugs} bugs: ${stacks.join('\n')}`;
    },
    stop,
  };
}

/** No more datagrams are left out than the daemon has sent again by its own count, and what silence sent over TCP. */
function questionsOf(
  upstream: HostileUpstream,
  metric: HostileWorld['metric'],
): HostileWorld['takeQuestions'] {
  const known = new Set<string>();
  let leftOut = 0;
  return async () => {
    const resends = await metric('sidestub_upstream_retransmissions_total');
    const silences = await metric(TCP_AFTER_SILENCE);
    const questions: string[] = [];
    for (const { qname, qtype, transport, octets } of upstream.asked.splice(0)) {
      const question = `${qname} ${typeName(qtype)}`;
      const { edns, checkingDisabled } = readRequest(octets);
      // They are part of what is asked (C1).
      const key = `${question} ${edns?.dnssecOk === true} ${checkingDisabled}`;
      const isResend = transport === 'udp' ? leftOut < resends : silences > 0;
      if (!known.has(key) || !isResend) questions.push(question);
      else if (transport === 'udp') leftOut++;
      known.add(key);
    }
    return questions;
  };
}

/** Starts the process without waiting for anything. */
export function launch(t: Owner, upstream: HostileUpstream, options: DaemonOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-hostile-'));
  const file = join(folder, 'sidestub.yaml');
  const base = {
    listen: { addresses: ['127.0.0.1:0'] },
    upstreams: options.upstreams ?? [`127.0.0.1:${upstream.port}`],
    search: { suffixes: [] },
    status: { address: '127.0.0.1:0' },
    rehearsal: false,
    log: { format: 'json' },
    shutdown: { message: 'off' },
  };
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ ...base, ...options.settings }));
  const node = [
    process.execPath,
    ...(options.nodeFlags ?? []),
    options.compiled === true ? COMPILED : CLI,
    'run',
    '--config',
    file,
  ];
  const [program = process.execPath, ...words] = [...(options.prefix ?? []), ...node];
  const child = spawn(program, words, { env: productEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  t.teardown(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const log: Record<string, unknown>[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => log.push(JSON.parse(line)));
  const event = async (name: string): Promise<Record<string, unknown>> => {
    const late = AbortSignal.timeout(BOUND);
    for (;;) {
      const found = log.find((each) => each['event'] === name);
      if (found !== undefined) return found;
      if (child.exitCode !== null) throw new Error(`no event ${name}: ${stderr}`);
      await Promise.race([once(lines, 'line', { signal: late }), exited]);
    }
  };
  return { child, log, event, exited, stop, stderr: () => stderr };
}

function seriesOf(text: string): Map<string, number> {
  const series = new Map<string, number>();
  for (const { samples } of parseExposition(text, 'text').values()) {
    for (const { name, labels, value } of samples) {
      const inside = [...labels].map(([label, is]) => `${label}="${is}"`).join(',');
      series.set(inside === '' ? name : `${name}{${inside}}`, value);
    }
  }
  return series;
}

function memoryOf(pid: number): { rss: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1_024;
  return { rss: of('VmRSS'), anonymous: of('RssAnon') };
}

/**
 * One world for all tests of a file: each call gives it back with an honest upstream that was asked nothing, and what was
 * cached stays. Tests that use it ask names of their own.
 */
export function sharedWorld(t: Owner): () => Promise<HostileWorld> {
  let started: Promise<HostileWorld> | undefined;
  return async () => {
    started ??= startWorld(t);
    const world = await started;
    world.upstream.script = tellTruth;
    await world.takeQuestions();
    return world;
  };
}

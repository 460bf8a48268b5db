import { readFileSync } from 'node:fs';
import { type Clock, type Milliseconds, monotonicClock } from '../clock.ts';
import { formatDuration } from '../config/duration.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../endpoint.ts';
import { type ClusterDns, clusterDnsFrom } from '../kubernetes/inject/cluster-dns.ts';
import {
  type Certificate,
  CertificateError,
  type CertificateFiles,
  readCertificate,
  watchCertificate,
} from '../kubernetes/webhook/certificate.ts';
import {
  createWebhookMetrics,
  type WebhookMetrics,
} from '../kubernetes/webhook/webhook-metrics.ts';
import { startWebhookServer, type WebhookServer } from '../kubernetes/webhook/webhook-server.ts';
import { createExposition } from '../observe/exposition.ts';
import { type LineOutput, lineOutput } from '../observe/line-output.ts';
import { createLog, formatFor, type Log } from '../observe/log.ts';
import { takeNodeWarnings } from '../observe/node-warnings.ts';
import { type StatusServer, startStatusServer } from '../observe/status-server.ts';
import { type Command, type CommandContext, ExitCode, textFlag, UsageError } from './command.ts';
import { durationFlag } from './duration-flag.ts';
import { injectionFlags, injectionOptions } from './inject/injection-flags.ts';

/** Serves the admission webhook that injects sidestub into new pods. */
export const command: Command = {
  summary: 'put sidestub into pods as they are made (admission webhook)',
  usage: `sidestub webhook --tls-cert FILE --tls-key FILE [options]

Serves AdmissionReviews (v1) over HTTPS: POST /inject. k8s/injector is the deployment of it.
It fails open by design: with failurePolicy Ignore a pod that the webhook cannot be asked about,
or has an error with, is made without sidestub. The certificate files are read again when they
change. SIGTERM makes it unready, answers for --drain what still comes, and exits 0.

  sidestub webhook --tls-cert tls.crt --tls-key tls.key --pin git.corp.example`,
  options: {
    'tls-cert': { type: 'string', hint: 'FILE', meaning: 'certificate and chain, PEM' },
    'tls-key': { type: 'string', hint: 'FILE', meaning: 'its key, PEM' },
    address: {
      type: 'string',
      hint: 'ADDR:PORT',
      meaning: 'where reviews are served (0.0.0.0:8443)',
    },
    metrics: {
      type: 'string',
      hint: 'ADDR:PORT',
      meaning: 'where /metrics and /ready are served over HTTP (127.0.0.1:9553)',
    },
    'resolv-conf': {
      type: 'string',
      hint: 'FILE',
      meaning: "where the cluster's DNS is read for modes none and node (/etc/resolv.conf)",
    },
    drain: {
      type: 'string',
      hint: 'DURATION',
      meaning: 'how long to go on after SIGTERM, until no API server asks any more (5s)',
    },
    ...injectionFlags,
  },
  main,
};

/** How often the certificate files are checked. Kubelet takes about a minute to update a mounted Secret. */
const CERTIFICATE_INTERVAL: Milliseconds = 10_000;
/** For requests that have arrived only in part when the server closes. */
const CLOSE_GRACE: Milliseconds = 5_000;
/** How long the last lines may wait for a reader (S5). */
const LAST_LINES: Milliseconds = 100;

async function main(context: CommandContext): Promise<number> {
  const { flags, positionals, version } = context;
  if (positionals.length > 0) throw new UsageError(`unexpected argument: ${positionals[0]}`);
  const metrics = createWebhookMetrics(version);
  const output = lineOutput({
    stream: context.stdout,
    clock: monotonicClock,
    onDropped: () => metrics.logDropped.add(),
  });
  const parts: Parts = {
    context,
    files: { cert: required(context, 'tls-cert'), key: required(context, 'tls-key') },
    address: endpoint(context, 'address', '0.0.0.0:8443'),
    status: endpoint(context, 'metrics', '127.0.0.1:9553'),
    drain: durationFlag(flags, 'drain', '5s'),
    log: logFor(context, output),
    output,
    metrics,
    clock: monotonicClock,
  };
  try {
    return await serve(parts, await readCertificate(parts.files));
  } catch (error) {
    if (!(error instanceof CertificateError) && !isSystemError(error)) throw error;
    context.stderr.write(`sidestub: ${error.message}\n`);
    return ExitCode.CONFIG;
  }
}

interface Parts {
  readonly context: CommandContext;
  readonly files: CertificateFiles;
  readonly address: Endpoint;
  readonly status: Endpoint;
  readonly drain: Milliseconds;
  readonly log: Log;
  readonly output: LineOutput;
  readonly metrics: WebhookMetrics;
  readonly clock: Clock;
}

async function serve(parts: Parts, certificate: Certificate): Promise<number> {
  const { context, address, log, metrics, drain, clock } = parts;
  const options = injectionOptions(context.flags, context.version);
  const onBug = (error: unknown): void => {
    log.error('bug', { stack: error instanceof Error ? error.stack : String(error) });
  };
  takeNodeWarnings(onBug);
  const server = await startWebhookServer({
    address,
    certificate,
    metrics,
    now: () => clock.now(),
    injection: { ...options, clusterDns: options.clusterDns ?? ownClusterDns(context, log) },
    onReview: ({ namespace }, { outcome, auditAnnotations: { reason, mode } }) =>
      log[outcome === 'refused' ? 'warn' : 'info']('review', { namespace, outcome, reason, mode }),
    onBug,
  });
  let stopping = false;
  let status: StatusServer;
  try {
    status = await startStatusServer({
      address: parts.status,
      version: context.version,
      ready: () => (stopping ? ['stopping'] : []),
      exposition: createExposition(metrics.registry),
      onBug,
    });
  } catch (error) {
    await server.stop(0);
    throw error;
  }
  const watch = followCertificate(parts, certificate, server, onBug);
  const bound = formatEndpoint({ ...address, port: server.port });
  const { address: statusAddress } = status;
  // Set before anything can learn that the server listens, so that a signal never ends it without this handler.
  const first = signalled();
  log.info('listening', {
    address: bound,
    status: formatEndpoint(statusAddress),
    version: context.version,
    mode: options.mode,
    fails: 'open',
  });
  const signal = await first;
  const second = signalled();
  stopping = true;
  log.info('signal', { signal, drain: formatDuration(drain) });
  // While this pod terminates, its endpoint is removed; requests still arrive until every API server has noticed.
  const drained = Promise.withResolvers<void>();
  const timer = clock.after(drain, drained.resolve).keepAlive();
  await Promise.race([drained.promise, second]);
  // After a second signal the timer must not keep the process alive.
  timer.cancel();
  watch.stop();
  const abandoned = await server.stop(CLOSE_GRACE);
  await status.close();
  log.info('stopped', { abandoned });
  await parts.output.end(LAST_LINES);
  return ExitCode.OK;
}

function followCertificate(
  { files, log, metrics, clock }: Parts,
  current: Certificate,
  server: WebhookServer,
  onBug: (error: unknown) => void,
): { stop(): void } {
  const look = watchCertificate({
    files,
    current,
    onChange: (certificate) => {
      server.setCertificate(certificate);
      metrics.reloads.add('success');
      log.info('certificate_reloaded', { notAfter: new Date(certificate.notAfter).toISOString() });
    },
    onFailure: ({ message }) => {
      metrics.reloads.add('failure');
      log.warn('certificate_unusable', { reason: message });
    },
  });
  let timer = clock.after(CERTIFICATE_INTERVAL, tick);
  function tick(): void {
    timer = clock.after(CERTIFICATE_INTERVAL, tick);
    look().catch(onBug);
  }
  return { stop: () => timer.cancel() };
}

/** From the webhook pod's own resolv.conf: apart from the namespace, it is the same in every pod with ClusterFirst. */
function ownClusterDns({ flags }: CommandContext, log: Log): ClusterDns | undefined {
  const path = textFlag(flags, 'resolv-conf') ?? '/etc/resolv.conf';
  try {
    return clusterDnsFrom(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn('cluster_dns_unknown', {
      path,
      reason,
      consequence: 'modes none and node are refused',
    });
    return undefined;
  }
}

function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}

function required({ flags }: CommandContext, name: string): string {
  const value = textFlag(flags, name);
  if (value === undefined) throw new UsageError(`--${name} is missing: --${name} FILE`);
  return value;
}

function endpoint({ flags }: CommandContext, name: string, fallback: string): Endpoint {
  const text = textFlag(flags, name) ?? fallback;
  const [, defaultPort = ''] = /:(\d+)$/.exec(fallback) ?? [];
  const parsed = parseEndpoint(text, Number(defaultPort));
  if (parsed === undefined) throw new UsageError(`--${name} is not an address: ${text}`);
  return parsed;
}

function logFor({ stdout, env }: CommandContext, output: LineOutput): Log {
  return createLog({
    level: 'info',
    format: formatFor(stdout, env),
    write: (line) => output.write(line),
    wallClock: Date.now,
    clock: monotonicClock,
  });
}

/** An address in use or a port that is not permitted: an error of the machine's setup, not a bug of ours. */
function isSystemError(error: unknown): error is Error {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return error instanceof Error && cause instanceof Error && 'syscall' in cause;
}

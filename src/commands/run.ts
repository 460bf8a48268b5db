import { readFileSync } from 'node:fs';
import { type Milliseconds, monotonicClock } from '../clock.ts';
import { configurationFlags } from '../config/flags.ts';
import { readHosts } from '../config/hosts-file.ts';
import { formatOrigin, type Origin } from '../config/layer.ts';
import { configFile, type Loaded, loadSettings, type Sources } from '../config/load.ts';
import { onlyRoutable, readPodRoutes } from '../config/pod-routes.ts';
import { publishResolvConf } from '../config/publish-resolv-conf.ts';
import { type EffectiveSetting, effectiveSettings } from '../config/render-settings.ts';
import { parseResolvConf, publishedNameserver, renderResolvConf } from '../config/resolv-conf.ts';
import type { Settings } from '../config/settings.ts';
import { type Daemon, type DaemonParts, startDaemon } from '../daemon/daemon.ts';
import { HugePages, loadPageCalls } from '../daemon/huge-pages.ts';
import type { ReadyGate } from '../daemon/ready-state.ts';
import type { OtherThreads } from '../daemon/threads.ts';
import type { Endpoint } from '../endpoint.ts';
import { fileFailure, InputError } from '../input-error.ts';
import { ListenError } from '../listen/listen-error.ts';
import { type PassedSockets, passedToThisProcess } from '../listen/passed-sockets.ts';
import { type LineOutput, lineOutput } from '../observe/line-output.ts';
import { createLog, formatFor, type Log } from '../observe/log.ts';
import { takeNodeWarnings } from '../observe/node-warnings.ts';
import { openQueryLog, type QueryLogStream } from '../observe/query-log.ts';
import type { ConfiguredValue } from '../observe/status-view.ts';
import { writeTerminationMessage } from '../observe/termination-message.ts';
import { totalsText } from '../observe/totals.ts';
import { type Command, type CommandContext, ExitCode } from './command.ts';
import { FileChanges } from './run/file-changes.ts';
import { isFixed, settingsForRestart } from './run/fixed-settings.ts';
import { limitHeapGrowth } from './run/heap-growth.ts';
import { loadTrim, MemoryTrim } from './run/memory-trim.ts';
import { listeningOn } from './run/passed-addresses.ts';
import { Reloads } from './run/reloads.ts';
import { type ServiceState, tellService } from './run/service-notice.ts';
import { loadUnmap, unmapStartPages } from './run/start-pages.ts';
import { sourcesOf } from './sources.ts';

const usage = `sidestub run [options]

Answers DNS on localhost for the programs of this pod or machine, and asks the servers of resolv.conf.

  sidestub run --listen 127.0.0.1:5353      try it without root
  dig @127.0.0.1 -p 5353 git.example.com

SIGTERM answers what is in flight and exits 0; a second one exits at once. SIGHUP, or a change of the
configuration file or resolv.conf, reloads without losing a query.

What has no flag below is set in the file or the environment: \`sidestub config\` lists every setting
with its value here; tcp.idle is SIDESTUB_TCP_IDLE.`;

export const command: Command = {
  summary: 'run the daemon',
  usage,
  options: configurationFlags(),
  main,
};

async function main(context: CommandContext): Promise<number> {
  try {
    return await run(context);
  } catch (error) {
    // For a sidecar that does not start, GitLab Runner and kubectl show the termination message and not the log.
    if (error instanceof InputError) {
      const { SIDESTUB_SHUTDOWN_MESSAGE: file = TERMINATION_LOG } = context.env;
      writeTerminationMessage(file, error.message);
    }
    throw error;
  }
}

/** The default of `shutdown.message`, where the configuration that would name it is wrong. */
const TERMINATION_LOG = '/dev/termination-log';

async function run(context: CommandContext): Promise<number> {
  const passed = socketsFor(context);
  if (passed === undefined) return ExitCode.CONFIG;
  const load = (sources: Sources): Loaded => listeningOn(passed, loadSettings(sources));
  const { settings, origins, notes } = load(await sourcesOf(context));
  let daemon: Daemon | undefined;
  const onSuppressed = (): void => daemon?.metrics.limits.reached.add('log_lines');
  const output = lineOutput({
    stream: context.stdout,
    clock: monotonicClock,
    onDropped: () => daemon?.metrics.limits.reached.add('log_output'),
  });
  let writer = logFor(settings, { context, output, onSuppressed });
  // A reload may change the level, so every part holds this wrapper and not the writer.
  const log: Log = {
    debug: (...event) => writer.debug(...event),
    info: (...event) => writer.info(...event),
    warn: (...event) => writer.warn(...event),
    error: (...event) => writer.error(...event),
  };
  const early: Error[] = [];
  takeNodeWarnings((warning) => {
    if (daemon === undefined) early.push(warning);
    else daemon.reportBug(warning);
  });
  // The handler is set before the daemon starts: a SIGHUP during the start must not end the process.
  let reloads: Reloads | undefined;
  process.on('SIGHUP', () => reloads?.request('SIGHUP'));
  const publish = publisher(settings, log);
  const tell = (state: ServiceState): void =>
    tellService(state, context.env, (reason) => log.warn('service_notice', { state, reason }));
  for (const { place, reason } of notes) log.warn('configuration', { place, reason });
  const ended = Promise.withResolvers<number>();
  const queryLog = queryLogFor(settings, formatOrigin(origins.get('queryLog.to') ?? NOWHERE), {
    output,
    log,
  });
  let inPlace: Pick<Loaded, 'settings' | 'origins'> = { settings, origins };
  const configuration = (): ConfiguredValue[] => {
    const atStart = effectiveSettings(settings, origins);
    return effectiveSettings(inPlace.settings, inPlace.origins).map((setting, at) =>
      shown(isFixed(setting.key) ? (atStart[at] ?? setting) : setting),
    );
  };
  let fatal: string | undefined;
  let started: Daemon;
  try {
    const parts: DaemonParts = {
      settings,
      clock: monotonicClock,
      log,
      version: context.version,
      hosts: readHosts(settings.hosts),
      passed,
      onlyRoutable: onlyRoutable(readPodRoutes(readIfThere)),
      configuration,
      queryLog,
      gate: await gateFor(settings, log),
      // The job's containers mount this file in place of theirs, so it must be there before anything is ready.
      onListening: publish,
      onReady: () => tell('READY=1'),
      tidy: async (pause) => {
        const unmap = loadUnmap();
        if (unmap !== undefined) await unmapStartPages(unmap, pause);
      },
      onFatal: (reason) => {
        fatal = reason;
        log.error('fatal', { version: context.version, reason });
        ended.resolve(ExitCode.CONFIG);
      },
    };
    const others = settings.threads > 1 ? await threadsOf(parts) : undefined;
    started = await startDaemon({ ...parts, others });
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    context.stderr.write(`sidestub: ${error.message}\n`);
    sayLast(settings, error.message);
    return ExitCode.CONFIG;
  }
  daemon = started;
  for (const warning of early) started.reportBug(warning);
  started.metrics.limits.reached.add('log_output', output.dropped);
  // Not at once: loading what this needs would delay the first answer of upstream, and with it readiness.
  monotonicClock.after(HEAP_GROWTH_LATER, limitHeapGrowth);
  const memory = tendMemory(started);
  reloads = new Reloads({
    log,
    counted: started.metrics.daemon.reloads,
    apply: async () => {
      const next = load(refusingEmpty(await sourcesOf(context)));
      const hosts = readHosts(next.settings.hosts);
      await started.reload({
        settings: next.settings,
        hosts,
        onlyRoutable: onlyRoutable(readPodRoutes(readIfThere)),
      });
      inPlace = next;
      writer = logFor(
        { ...settings, log: { ...settings.log, level: next.settings.log.level } },
        { context, output, onSuppressed },
      );
      for (const { place, reason } of next.notes) log.warn('configuration', { place, reason });
      queryLog?.reopen();
      await publish(started.endpoints);
      return settingsForRestart(settings, next.settings);
    },
  });
  const changes = new FileChanges({
    clock: monotonicClock,
    paths: watchedFiles(settings, context),
    since: performance.timeOrigin,
    onChange: (path) => reloads.request(path),
  });
  changes.start();
  const onSignal = (signal: NodeJS.Signals): void => {
    log.info('signal', { signal });
    // A second signal ends the wait: queries in flight are abandoned, which is not a success.
    if (stopping) process.exit(ExitCode.FAILURE);
    stopping = true;
    ended.resolve(ExitCode.OK);
  };
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal);
  const code = await ended.promise;
  changes.stop();
  memory.stop();
  tell('STOPPING=1');
  const unready = started.unready();
  await started.stop();
  queryLog?.close();
  const missing = unready.length === 0 ? undefined : `not ready: ${unready.join('; ')}`;
  sayLast(settings, fatal ?? missing ?? totalsText(started.totals(), context.version));
  await output.end(LAST_LINES);
  return code;
}

/** Returns unused memory to the system, and puts huge pages behind many answers. */
function tendMemory(daemon: Daemon): MemoryTrim {
  const trim = loadTrim();
  const pages = new HugePages(loadPageCalls);
  return new MemoryTrim({
    clock: monotonicClock,
    trim: () => {
      trim?.();
      pages.collapseNext(daemon.written());
    },
    work: () => daemon.totals().queries,
  });
}

/**
 * Waits for `ready.names` as musl and glibc ask for them; without such names the models of the libcs are not loaded.
 */
async function gateFor(settings: Settings, log: Log): Promise<ReadyGate | undefined> {
  if (settings.ready.names.length === 0) return undefined;
  const { readyNames } = await import('./run/ready-names.ts');
  return readyNames(settings, { clock: monotonicClock, log });
}

/** The sockets of a service manager; `undefined` when they are not usable, which has then been reported. */
function socketsFor({ env, stderr }: CommandContext): readonly PassedSockets[] | undefined {
  try {
    return passedToThisProcess(env);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    stderr.write(`sidestub: ${error.message}\n`);
    return undefined;
  }
}

/** Loaded only when there is more than one thread: a sidecar has one. */
async function threadsOf(parts: DaemonParts): Promise<OtherThreads> {
  const { Threads } = await import('../daemon/threads.ts');
  return new Threads(parts);
}

/** A setting as the status page shows it: a list on one line, anything else as it is written. */
function shown({ value, ...setting }: EffectiveSetting): ConfiguredValue {
  const isText = typeof value === 'string';
  const text = isText
    ? value
    : JSON.stringify(value)
        .replace(/[[\]"]/g, '')
        .replaceAll(',', ', ');
  return { ...setting, value: text };
}

/** A setting that no source gives has its default. */
const NOWHERE: Origin = { kind: 'default' };

/** @throws {InputError} If the file cannot be opened; it says which setting names it (S3). */
function queryLogFor(
  { queryLog: { to } }: Settings,
  place: string,
  { output, log }: { readonly output: LineOutput; readonly log: Log },
): QueryLogStream | undefined {
  if (to === undefined) return undefined;
  if (to === 'stdout') {
    const nothing = (): void => undefined;
    return {
      write: (line) => output.write(line),
      get writableLength() {
        return output.writableLength;
      },
      reopen: nothing,
      close: nothing,
    };
  }
  try {
    return openQueryLog(to, (error) => log.error('query_log', { reason: error.message }));
  } catch (error) {
    throw new InputError([{ place, reason: `queryLog.to ${to}: ${fileFailure(error)}` }]);
  }
}

/** A last message that can be read after the job and its sidecar are gone. */
function sayLast({ shutdown: { message } }: Settings, text: string): void {
  if (message !== undefined) writeTerminationMessage(message, text);
}

/** Writes the published resolv.conf when one is configured and its content has changed. */
function publisher(
  settings: Settings,
  log: Log,
): (endpoints: readonly Endpoint[]) => Promise<void> {
  const { publishResolvConf: path, resolvConf } = settings;
  let published: string | undefined;
  return async (endpoints) => {
    const nameserver = publishedNameserver(endpoints);
    if (path === undefined || nameserver === undefined) return;
    const original = parseResolvConf(readIfThere(resolvConf) ?? '');
    const content = renderResolvConf(original, nameserver);
    if (content === published) return;
    await publishResolvConf(path, content);
    published = content;
    log.info('resolv_conf_published', { path });
  };
}

/** A configuration file that is empty at a reload is one that somebody is writing: all its settings would be lost. */
function refusingEmpty(sources: Sources): Sources {
  const readFile = (path: string): string => {
    const text = sources.readFile(path);
    if (text !== '' || path !== configFile(sources)) return text;
    throw new Error('it is empty, as while it is written ({} has no settings)');
  };
  return { ...sources, readFile };
}

/** The files whose change is a reload. */
function watchedFiles({ resolvConf, hosts }: Settings, { flags, env }: CommandContext): string[] {
  return [configFile({ flags, env }), resolvConf, hosts].flatMap((path) =>
    path === undefined || path === '' ? [] : [path],
  );
}

/** The heap grows little in this time. */
const HEAP_GROWTH_LATER: Milliseconds = 500;

/** How long the last lines may wait for their reader; a working reader takes them at once (S5). */
const LAST_LINES: Milliseconds = 100;

interface LogParts {
  readonly context: CommandContext;
  readonly output: LineOutput;
  readonly onSuppressed: () => void;
}

function logFor(
  { log: { level, format } }: Settings,
  { context: { stdout, env }, output, onSuppressed }: LogParts,
): Log {
  return createLog({
    level,
    format: format === 'auto' ? formatFor(stdout, env) : format,
    write: (line) => output.write(line),
    wallClock: Date.now,
    clock: monotonicClock,
    onSuppressed,
  });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

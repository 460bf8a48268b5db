import type { Worker } from 'node:worker_threads';
import type { Clock } from '../clock.ts';
import type { Settings } from '../config/settings.ts';
import type { Endpoint } from '../endpoint.ts';
import { ListenError } from '../listen/listen-error.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { LineStream } from '../observe/query-log.ts';
import { addCounts, type CountsReport, summedGauges } from '../observe/thread-counts.ts';
import type { Reloadable } from './generations.ts';

/** A message to a thread, structured-cloneable. */
export type ToThread =
  | { readonly kind: 'reload'; readonly next: ThreadSettings }
  | { readonly kind: 'report' }
  | { readonly kind: 'stop' };

/** A message from a thread; each message to it is answered by one of the same kind. */
export type FromThread =
  | { readonly kind: 'started' | 'reload'; readonly failure?: string }
  | { readonly kind: 'report'; readonly counts: CountsReport }
  | { readonly kind: 'stop'; readonly counts: CountsReport; readonly abandoned: number }
  | { readonly kind: 'log'; readonly level: keyof Log; readonly event: Parameters<Log['info']> }
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'fatal'; readonly reason: string };

/** The settings of a thread: it listens where the first one does, and reads its hosts file by itself. */
export interface ThreadSettings {
  readonly settings: Settings;
  readonly onlyRoutable: Reloadable['onlyRoutable'];
}

/** What a thread is started with. */
export interface ThreadData extends ThreadSettings {
  readonly version: string;
}

/** What the threads take over from the first thread's daemon. */
export interface ThreadsParts {
  readonly settings: Settings;
  readonly onlyRoutable?: Reloadable['onlyRoutable'];
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly queryLog?: LineStream | undefined;
  readonly onFatal: (message: string) => void;
}

/** Where the first thread's daemon meets the others. */
export interface OtherThreads {
  /** Starts them when the first one listens. @throws {Error} If one does not start. */
  start(endpoints: readonly Endpoint[], metrics: Metrics): Promise<void>;
  /** Adds their counts to the first thread's metrics. */
  sync(): Promise<void>;
  reload(next: Reloadable, endpoints: readonly Endpoint[]): Promise<void>;
  /** @returns How many queries they gave up. */
  stop(): Promise<number>;
}

/** What a thread runs: beside this file where it is compiled, above it in the source. */
const ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? '../thread.ts' : './thread.js',
  import.meta.url,
);

/** How often their counts are requested when nothing scrapes: the status page shows them. */
const REPORT_EVERY = 1_000;

/** The threads beside the first: each a daemon of its own, with its own cache and sockets, on the same addresses. */
export class Threads implements OtherThreads {
  private readonly parts: ThreadsParts;
  private readonly members: Member[] = [];
  private reporting: { cancel(): void } | undefined;
  private stopped = false;

  /** @param parts - The parts that the first thread was started with. */
  constructor(parts: ThreadsParts) {
    this.parts = parts;
  }

  async start(endpoints: readonly Endpoint[], metrics: Metrics): Promise<void> {
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const { version, settings } = this.parts;
    const data: ThreadData = { version, ...threadSettings(this.parts, endpoints) };
    for (let number = 1; number < settings.threads; number++) {
      const worker = new Worker(ENTRY, { workerData: data });
      this.members.push(new Member(worker, number, metrics, this.parts));
    }
    for (const [i, gauge] of summedGauges(metrics).entries()) {
      gauge.alsoBy(() => this.members.reduce((sum, member) => sum + (member.gauges[i] ?? 0), 0));
    }
    await Promise.all(this.members.map((member) => member.started));
    this.reportLater();
  }

  async sync(): Promise<void> {
    await Promise.all(this.members.map((member) => member.ask({ kind: 'report' })));
  }

  async reload(next: Reloadable, endpoints: readonly Endpoint[]): Promise<void> {
    const message: ToThread = { kind: 'reload', next: threadSettings(next, endpoints) };
    await Promise.all(this.members.map((member) => member.ask(message)));
  }

  async stop(): Promise<number> {
    this.stopped = true;
    this.reporting?.cancel();
    await Promise.all(this.members.map((member) => member.ask({ kind: 'stop' })));
    await Promise.all(this.members.map((member) => member.end()));
    return this.members.reduce((sum, { abandoned }) => sum + abandoned, 0);
  }

  private reportLater(): void {
    if (this.stopped) return;
    this.reporting = this.parts.clock.after(REPORT_EVERY, () => {
      void this.sync().then(() => this.reportLater());
    });
  }
}

function threadSettings(
  { settings, onlyRoutable }: Reloadable,
  addresses: readonly Endpoint[],
): ThreadSettings {
  // One status server reports for all threads.
  const status = { ...settings.status, address: undefined };
  return {
    settings: { ...settings, listen: { ...settings.listen, addresses }, status },
    onlyRoutable,
  };
}

/** One of the threads, as seen by the first. */
class Member {
  readonly started: Promise<void>;
  /** Gauges from its last report. */
  gauges: readonly number[] = [];
  abandoned = 0;
  private readonly worker: Worker;
  private readonly number: number;
  private readonly metrics: Metrics;
  private readonly parts: ThreadsParts;
  private readonly waiting = new Map<FromThread['kind'], PromiseWithResolvers<void>>();
  private ending = false;

  constructor(worker: Worker, number: number, metrics: Metrics, parts: ThreadsParts) {
    this.worker = worker;
    this.number = number;
    this.metrics = metrics;
    this.parts = parts;
    this.started = this.wait('started');
    worker.on('message', (message: FromThread) => this.take(message));
    worker.on('error', (error) =>
      this.fail(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    worker.on('exit', (code) => this.fail(`it ended with ${code}`));
  }

  /** Resolves with its answer. */
  ask(message: ToThread): Promise<void> {
    const under = this.waiting.get(message.kind);
    if (under !== undefined) return under.promise;
    const answered = this.wait(message.kind);
    this.worker.postMessage(message);
    return answered;
  }

  async end(): Promise<void> {
    this.ending = true;
    await this.worker.terminate();
  }

  private wait(kind: FromThread['kind']): Promise<void> {
    const answer = Promise.withResolvers<void>();
    this.waiting.set(kind, answer);
    return answer.promise;
  }

  private take(message: FromThread): void {
    if (message.kind === 'log') {
      const [name, fields] = message.event;
      this.parts.log[message.level](name, { ...fields, thread: this.number });
      return;
    }
    if (message.kind === 'line') {
      this.parts.queryLog?.write(message.line);
      return;
    }
    if (message.kind === 'fatal') {
      this.parts.onFatal(message.reason);
      return;
    }
    if (message.kind === 'stop') this.abandoned = message.abandoned;
    if ('counts' in message) this.count(message.counts);
    const answer = this.waiting.get(message.kind);
    this.waiting.delete(message.kind);
    if ('failure' in message)
      answer?.reject(new ListenError(`thread ${this.number}: ${message.failure}`));
    else answer?.resolve();
  }

  private count(counts: CountsReport): void {
    addCounts(this.metrics, counts);
    this.gauges = counts.gauges;
  }

  /** A thread that is gone answers nothing any more. The daemon must not go on without one of its threads. */
  private fail(reason: string): void {
    if (this.ending) return;
    this.ending = true;
    const start = this.waiting.get('started');
    for (const [kind, answer] of this.waiting) if (kind !== 'started') answer.resolve();
    this.waiting.clear();
    const message = `thread ${this.number}: ${reason}`;
    if (start === undefined) this.parts.onFatal(message);
    else start.reject(new ListenError(message));
  }
}

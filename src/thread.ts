import { parentPort, workerData } from 'node:worker_threads';
import { monotonicClock } from './clock.ts';
import { readHosts } from './config/hosts-file.ts';
import { startDaemon } from './daemon/daemon.ts';
import { HugePages, loadPageCalls } from './daemon/huge-pages.ts';
import type { FromThread, ThreadData, ThreadSettings, ToThread } from './daemon/threads.ts';
import { ListenError } from './listen/listen-error.ts';
import type { Log } from './observe/log.ts';
import { takeNodeWarnings } from './observe/node-warnings.ts';
import { CountsReporter } from './observe/thread-counts.ts';

// The program of each thread beside the first one (`threads: N`): a daemon without a status server, which sends its
// counts and log events to the first thread.

const { version, ...first } = workerData as ThreadData;
const tell = (message: FromThread): void => parentPort?.postMessage(message);
const say =
  (level: keyof Log): Log['info'] =>
  (...event) =>
    tell({ kind: 'log', level, event });

// If lookups are not logged, a message for each would cost too much.
const debug = first.settings.log.level === 'debug' ? say('debug') : () => undefined;

void run().catch((error: unknown) => tell({ kind: 'started', failure: textOf(error) }));

async function run(): Promise<void> {
  const daemon = await startDaemon({
    ...parts(first),
    clock: monotonicClock,
    // Only the first thread reports that it listens and is ready.
    log: { debug, info: debug, warn: say('warn'), error: say('error') },
    version,
    queryLog:
      first.settings.queryLog.to === undefined
        ? undefined
        : { write: (line) => tell({ kind: 'line', line }) },
    onFatal: (reason) => tell({ kind: 'fatal', reason }),
  });
  takeNodeWarnings(daemon.reportBug);
  const counts = new CountsReporter(daemon.metrics);
  const pages = new HugePages(loadPageCalls);
  const take = async (message: ToThread): Promise<void> => {
    switch (message.kind) {
      case 'report':
        tell({ kind: 'report', counts: counts.take() });
        // Reports are requested once a second.
        pages.collapseNext(daemon.written());
        return;
      case 'reload':
        await daemon.reload(parts(message.next));
        tell({ kind: 'reload' });
        return;
      case 'stop': {
        const abandoned = await daemon.stop();
        tell({ kind: 'stop', counts: counts.take(), abandoned });
        return;
      }
    }
  };
  parentPort?.on('message', (message: ToThread) => {
    void take(message).catch((error: unknown) => tell({ kind: 'reload', failure: textOf(error) }));
  });
  tell({ kind: 'started' });
}

function parts({ settings, onlyRoutable }: ThreadSettings) {
  return { settings, onlyRoutable, hosts: readHosts(settings.hosts) };
}

/** An error that the operator can correct is reported in words, a bug with its stack. */
function textOf(error: unknown): string {
  if (error instanceof ListenError || !(error instanceof Error)) return String(error);
  return error.stack ?? error.message;
}

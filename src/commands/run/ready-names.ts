import type { Clock, Milliseconds } from '../../clock.ts';
import { reachable } from '../../config/own-address.ts';
import type { Settings } from '../../config/settings.ts';
import type { ReadyGate } from '../../daemon/ready-state.ts';
import type { Endpoint } from '../../endpoint.ts';
import type { Log } from '../../observe/log.ts';
import { waitForName } from '../wait/name-wait.ts';
import { strictClients } from '../wait/strict-clients.ts';

/** How often the log reports that names are still missing. */
const REMINDER: Milliseconds = 30_000;

/**
 * A gate that opens when every name of `ready.names` resolves for musl and glibc, asked through the daemon's own
 * listener as a job would ask.
 *
 * The names appear in `/ready` and, at debug, in the log; above debug the log has only their number (S4).
 */
export function readyNames(
  settings: Pick<Settings, 'ready' | 'search'>,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): ReadyGate {
  const { names } = settings.ready;
  const missing = new Map(names.map((name) => [name, 'not asked yet']));
  const closed = new AbortController();
  const waitFor = async (name: string, server: Endpoint): Promise<void> => {
    const clients = strictClients(server, settings, clock);
    const onRetry = (_: string, reason: string) => missing.set(name, reason);
    while (!closed.signal.aborted) {
      const options = { clients, clock, timeout: REMINDER, signal: closed.signal, onRetry };
      const { resolved, reason = '' } = await waitForName(name, options);
      if (resolved) {
        missing.delete(name);
        return;
      }
      if (closed.signal.aborted) return;
      missing.set(name, reason);
      log.debug('ready_name_missing', { qname: name, reason });
    }
  };
  return {
    opened: async ([first]) => {
      const server = reachable(first ?? { address: '127.0.0.1', port: 53 });
      const reminder = remind(clock, () =>
        log.warn('ready_names', { missing: missing.size, of: names.length }),
      );
      await Promise.all(names.map((name) => waitFor(name, server)));
      reminder.cancel();
    },
    reasons: () => Array.from(missing, ([name, reason]) => `${name} does not resolve: ${reason}`),
    close: () => closed.abort(),
  };
}

function remind(clock: Clock, say: () => void): { cancel(): void } {
  let timer = clock.after(REMINDER, function again() {
    say();
    timer = clock.after(REMINDER, again);
  });
  return { cancel: () => timer.cancel() };
}

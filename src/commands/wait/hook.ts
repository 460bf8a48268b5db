import { type Milliseconds, monotonicClock } from '../../clock.ts';
import { reachable } from '../../config/own-address.ts';
import { type Endpoint, parseEndpoint } from '../../endpoint.ts';
import type { Output } from '../../terminal.ts';
import { untilReady } from '../ask-ready.ts';
import { ExitCode } from '../command.ts';

/** What a postStart hook waits when it is not told (`sidestub wait --help`). */
const HOOK_TIMEOUT: Milliseconds = 30_000;

/**
 * `sidestub wait --metrics ADDR:PORT` and no word more: what kubelet runs in every pod while the job waits for it.
 *
 * It needs no setting beside its flag, so the configuration is not loaded: that is half of what the process takes.
 *
 * @param words - Of the command line.
 * @returns Where to ask; `undefined` for every other command line.
 */
export function hookServer(words: readonly string[]): Endpoint | undefined {
  const [command, flag, value = '', ...more] = words;
  if (command !== 'wait' || flag !== '--metrics' || more.length > 0) return undefined;
  // Without a port it is for the settings to say what is meant.
  return /:\d+$/.test(value) ? parseEndpoint(value, 0) : undefined;
}

/**
 * Waits for the daemon, as the command does without names.
 *
 * @param of - Its `stderr` is looked at only where there is something to say: making a stream takes a millisecond.
 */
export async function waitAsHook(
  server: Endpoint,
  of: { readonly stderr: Output },
  timeout: Milliseconds = HOOK_TIMEOUT,
): Promise<number> {
  const reason = await untilReady(reachable(server), { clock: monotonicClock, timeout });
  if (reason === undefined) return ExitCode.OK;
  of.stderr.write(notReady(timeout, reason));
  return ExitCode.FAILURE;
}

/** What the command and the hook say at the end of the timeout. */
export function notReady(timeout: Milliseconds, reason: string): string {
  return `not ready after ${timeout} ms: ${reason}\n`;
}

import { type Milliseconds, monotonicClock } from '../../clock.ts';
import { reachable } from '../../config/own-address.ts';
import { type Endpoint, parseEndpoint } from '../../endpoint.ts';
import type { Output } from '../../terminal.ts';
import { untilReady } from '../ask-ready.ts';
import { ExitCode } from '../command.ts';

/** What a postStart hook waits when it is not told (`sidestub wait --help`). */
const HOOK_TIMEOUT: Milliseconds = 30_000;

/**
 * Recognises `sidestub wait --metrics ADDR:PORT` without further arguments, which kubelet runs in every pod while the
 * job waits for it.
 *
 * It needs no other setting, so the configuration is not loaded, which would double the time that the process takes.
 *
 * @param words - Of the command line.
 * @returns Where to ask; `undefined` for every other command line.
 */
export function hookServer(words: readonly string[]): Endpoint | undefined {
  const [command, flag, value = '', ...more] = words;
  if (command !== 'wait' || flag !== '--metrics' || more.length > 0) return undefined;
  // An address without a port is left to the full command, which knows the default port.
  return /:\d+$/.test(value) ? parseEndpoint(value, 0) : undefined;
}

/**
 * Waits for the daemon, as the command does without names.
 *
 * @param of - Its `stderr` is read only when there is something to print: creating the stream takes a millisecond.
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

import { closeSync, constants, openSync, writeSync } from 'node:fs';

/** Kubernetes reads no more octets of it (corev1.Container.terminationMessagePath). */
const MAX_OCTETS = 4_096;

/**
 * Writes the totals to the file in which kubelet looks for them.
 *
 * The file is kubelet's: it is written only if it exists. Outside a container there is none, and none is needed.
 *
 * @returns Whether it was written.
 */
export function writeTerminationMessage(path: string, text: string): boolean {
  // Only a plain file can be kubelet's, and opening a named pipe must not wait for its reader.
  const flags = constants.O_WRONLY | constants.O_TRUNC | constants.O_NONBLOCK;
  let file: number | undefined;
  try {
    file = openSync(path, flags);
    writeSync(file, whole(text));
    return true;
  } catch {
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** As many whole characters as fit. */
function whole(text: string): Uint8Array {
  const octets = new Uint8Array(MAX_OCTETS);
  const { written } = new TextEncoder().encodeInto(text, octets);
  return octets.subarray(0, written);
}

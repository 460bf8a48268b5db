/**
 * Takes over Node's own warnings from stderr: a timer that overflows, too many listeners, a deprecation. Each is a bug
 * of ours, and text between the lines of a JSON log breaks its readers.
 *
 * @param report - Called with each; the stack says where it comes from.
 */
export function takeNodeWarnings(report: (warning: Error) => void): void {
  // Node prints them in a listener of its own.
  process.removeAllListeners('warning');
  process.on('warning', report);
}

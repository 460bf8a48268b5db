/**
 * Handles Node's own warnings in place of stderr: a timer that overflows, too many listeners, a deprecation. Each is a
 * bug of ours, and plain text between the lines of a JSON log breaks programs that read it.
 *
 * @param report - Called with each warning; its stack says where it comes from.
 */
export function takeNodeWarnings(report: (warning: Error) => void): void {
  // Node prints them in a listener of its own.
  process.removeAllListeners('warning');
  process.on('warning', report);
}

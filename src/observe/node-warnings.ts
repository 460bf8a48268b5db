/**
 * Takes Node's own warnings in place of stderr: a timer that overflows, listeners that pile up, a deprecation. Each is a
 * bug of ours, and text between the lines of a JSON log breaks what reads them.
 *
 * @param report - Told of each; the stack says where it comes from.
 */
export function takeNodeWarnings(report: (warning: Error) => void): void {
  // Node prints them in a listener of its own.
  process.removeAllListeners('warning');
  process.on('warning', report);
}

import { ExitCode } from './command.ts';

/** The part of the process that is used here. */
type Process = Pick<NodeJS.Process, 'stdout' | 'stderr' | 'on' | 'exit' | 'exitCode'>;

/**
 * Decides how a failed write to a standard stream affects the exit code. Without this, Node would end the process with
 * a stack trace.
 *
 * @param isLog - Whether stdout carries a daemon's log. Lost lines do not end a daemon, and are not a failure (S5).
 */
export function surviveOutputLoss(of: Process, { isLog }: { readonly isLog: boolean }): void {
  // There is nowhere else to report it.
  of.stderr.on('error', () => undefined);
  let lost = false;
  of.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isLog) return;
    if (error.code !== 'EPIPE') {
      if (!lost) of.stderr.write(`sidestub: stdout cannot be written: ${error.message}\n`);
      lost = true;
    } else if (of.exitCode === undefined) {
      // `sidestub demo | head`: the reader has seen enough, and the result is not known yet.
      of.exit(ExitCode.FAILURE);
    }
  });
  of.on('exit', (code) => {
    if (lost && code === ExitCode.OK) of.exitCode = ExitCode.IO;
  });
}

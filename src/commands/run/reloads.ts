import { formatProblem, InputError } from '../../input-error.ts';
import type { ReloadResult } from '../../observe/label-sets.ts';
import type { Log } from '../../observe/log.ts';

export interface ReloadsOptions {
  /** Loads the settings again and applies them. @returns The changed ones that only a restart can apply. */
  readonly apply: () => Promise<readonly string[]>;
  readonly log: Log;
  readonly counted: { add(result: ReloadResult): void };
}

/** Reloads the configuration, one reload at a time. Requests that arrive during a reload share the next one (S2). */
export class Reloads {
  private readonly options: ReloadsOptions;
  private running = false;
  private again: string | undefined;

  constructor(options: ReloadsOptions) {
    this.options = options;
  }

  /** @param cause - For the log: the signal, or the file that changed. */
  request(cause: string): void {
    if (this.running) this.again = cause;
    else void this.run(cause);
  }

  private async run(first: string): Promise<void> {
    this.running = true;
    for (let cause: string | undefined = first; cause !== undefined; cause = this.again) {
      this.again = undefined;
      await this.once(cause);
    }
    this.running = false;
  }

  private async once(cause: string): Promise<void> {
    const { apply, log, counted } = this.options;
    try {
      const unchanged = await apply();
      counted.add('success');
      log.info('reloaded', { cause });
      if (unchanged.length > 0) log.warn('restart_needed', { settings: unchanged });
    } catch (error) {
      counted.add('failure');
      log.error('reload_refused', { cause, reasons: reasonsOf(error) });
    }
  }
}

function reasonsOf(error: unknown): string[] {
  if (error instanceof InputError) return error.problems.map(formatProblem);
  return [error instanceof Error ? error.message : String(error)];
}

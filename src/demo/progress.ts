import type { Output } from '../terminal.ts';
import type { Trial } from './trial.ts';

/** One line that says what is being waited for, on a terminal; nothing elsewhere. */
export class Progress {
  private readonly output: Output;
  private readonly total: number;
  private done = 0;

  constructor(output: Output, total: number) {
    this.output = output;
    this.total = total;
  }

  note(_trial: Trial): void {
    this.done++;
    this.show();
  }

  /** Takes the line away, before something else is printed. */
  clear(): void {
    if (this.output.isTTY === true) this.output.write('\r\x1b[K');
  }

  private show(): void {
    if (this.output.isTTY !== true) return;
    const left = this.total - this.done;
    if (left === 0) return;
    this.output.write(
      `\r\x1b[K  ${this.done} of ${this.total} lookups; direct ones wait for timeouts of 2.5 and 5 s …`,
    );
  }
}

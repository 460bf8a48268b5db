import type { Output } from '../terminal.ts';

/** A progress line on a terminal; nothing elsewhere. */
export class Progress {
  private readonly output: Output;
  private readonly total: number;
  private done = 0;

  constructor(output: Output, total: number) {
    this.output = output;
    this.total = total;
  }

  /** Counts one lookup as done. */
  step(): void {
    this.done++;
    this.show();
  }

  /** Erases the line, before something else is printed. */
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

/** One line for each step, with how long it took; what a check found has lines of its own. */
export class Progress {
  private readonly started = performance.now();

  /** Runs a step, and prints its line when it has ended. @throws What the step throws, after a line that says so. */
  async step<Result>(name: string, run: () => Result | Promise<Result>): Promise<Result> {
    const begun = performance.now();
    try {
      const result = await run();
      this.line(`${name} (${seconds(begun)})`);
      return result;
    } catch (error) {
      this.line(`${name}: FAILED (${seconds(begun)})`);
      throw error;
    }
  }

  line(text: string): void {
    process.stdout.write(`${seconds(this.started).padStart(7)}  ${text}\n`);
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}

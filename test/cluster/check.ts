import type { Cluster } from './cluster.ts';

/** Something that has to hold on a real node. */
export interface Check {
  /** What `npm run cluster -- NAME` calls it. */
  readonly name: string;
  /** One line: what it shows. */
  readonly shows: string;
  run(cluster: Cluster, findings: Findings): Promise<void>;
}

/** What a check has found, a line each. */
export class Findings {
  readonly lines: string[] = [];
  passed = 0;
  failed = 0;
  skipped = 0;

  /** States that something holds. @param figure - What was measured, which stands in the line. */
  holds(condition: boolean, what: string, figure = ''): void {
    if (condition) this.passed++;
    else this.failed++;
    this.lines.push(`${condition ? 'ok' : 'NOT OK'}  ${what}${figure === '' ? '' : `: ${figure}`}`);
  }

  equals(found: unknown, expected: unknown, what: string): void {
    const same = JSON.stringify(found) === JSON.stringify(expected);
    this.holds(
      same,
      what,
      same ? '' : `${JSON.stringify(found)?.slice(0, 500)}, not ${JSON.stringify(expected)}`,
    );
  }

  /** A figure that nothing is expected of. */
  note(what: string): void {
    this.lines.push(`    ${what}`);
  }

  skip(what: string, why: string): void {
    this.skipped++;
    this.lines.push(`skip  ${what}: ${why}`);
  }
}

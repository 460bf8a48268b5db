/** One thing that is wrong with the configuration. */
export interface Problem {
  /** Where somebody has to go to mend it: `FILE:LINE:COLUMN`, an environment variable, a flag, or a file. */
  readonly place: string;
  /** What is wrong there, with the value that was found. */
  readonly reason: string;
}

/** A configuration that cannot be used; carries every problem, not the first (S3). The process exits 78. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** `PLACE: REASON`, one line: control characters of a value, or of a path, are written `\x0a`. */
export function formatProblem({ place, reason }: Problem): string {
  return `${place}: ${reason}`.replace(/\p{Cc}/gu, (control) => {
    const octet = control.charCodeAt(0).toString(16).padStart(2, '0');
    return `\\x${octet}`;
  });
}

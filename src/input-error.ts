/** One thing that is wrong with what the program was given: its configuration, or a manifest. */
export interface Problem {
  /** Where to correct it: `FILE:LINE:COLUMN`, an environment variable, a flag, or a file. */
  readonly place: string;
  /** What is wrong there, with the value that was found. */
  readonly reason: string;
}

/** Input that cannot be used. It carries every problem, not only the first (S3). The process exits 78. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** `PLACE: REASON` on one line: control characters of a value or of a path are written as `\x0a`. */
export function formatProblem({ place, reason }: Problem): string {
  return `${place}: ${reason}`.replace(/\p{Cc}/gu, (control) => {
    const octet = control.charCodeAt(0).toString(16).padStart(2, '0');
    return `\\x${octet}`;
  });
}

/** Why a file could not be read, without its path: the path is the problem's place. */
export function fileFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'is a directory';
  return `cannot be read: ${error instanceof Error ? error.message : error}`;
}

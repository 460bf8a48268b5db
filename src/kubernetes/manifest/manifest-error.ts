/** Something in a manifest that cannot be read, with the place where it stands. */
export interface ManifestProblem {
  /** `FILE:LINE:COLUMN`, or as much of it as is known. */
  readonly place: string;
  readonly reason: string;
}

/** A manifest that cannot be read; names every place. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
  readonly problems: readonly ManifestProblem[];

  constructor(problems: readonly ManifestProblem[]) {
    super(problems.map(({ place, reason }) => `${place}: ${reason}`).join('\n'));
    this.problems = problems;
  }
}

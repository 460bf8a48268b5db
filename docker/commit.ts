import { spawnSync } from 'node:child_process';

/** What a build is made of. */
export interface Commit {
  readonly revision: string;
  /** When it was made, in seconds since 1970: the time of every file that a build makes. */
  readonly seconds: number;
}

/**
 * The commit that a folder has checked out. Outside a repository the revision is `unknown` and the time is 1970;
 * `SOURCE_DATE_EPOCH` overrides the time.
 *
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function commitOf(repository: string): Commit {
  const { SOURCE_DATE_EPOCH: epoch } = process.env;
  const words = ['log', '-1', '--format=%H %ct'];
  const git = spawnSync('git', words, { cwd: repository, encoding: 'utf8' });
  const [revision = 'unknown', time = '0'] = git.status === 0 ? git.stdout.trim().split(' ') : [];
  return { revision, seconds: Number(epoch ?? time) };
}

// `npm run reproduce`: makes the release of the commit twice, each in a clone of its own, and compares the octets.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { commitOf } from './commit.ts';
import { scriptFlags } from './script-flags.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');
const USAGE = `usage: npm run reproduce -- [--keep FOLDER]

Clones HEAD into two folders, runs npm ci and npm run release in each, and fails where a file differs.

  --keep FOLDER  copies the release there
`;

const { values } = scriptFlags({
  options: { keep: { type: 'string' }, help: { type: 'boolean', default: false } },
});
if (values.help) process.stdout.write(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-reproduce-'));
  // What is committed meanwhile belongs to neither.
  const { revision } = commitOf(REPOSITORY);
  try {
    // Another length of the path, another umask and another time zone: none of them may get into a file.
    const both = [
      release(revision, join(folder, 'first'), '022', 'UTC'),
      release(revision, join(folder, 'the-second-folder'), '077', 'Asia/Kathmandu'),
    ];
    // Where one of them fails, the other still writes into the folder that is removed below.
    await Promise.allSettled(both);
    const releases = await Promise.all(both);
    const [first = '', second = ''] = releases.map((made) =>
      readFileSync(join(made, 'SHA256SUMS'), 'utf8'),
    );
    process.stdout.write(first);
    if (values.keep !== undefined) cpSync(releases[0] ?? '', values.keep, { recursive: true });
    const differing = first.split('\n').filter((line) => !second.split('\n').includes(line));
    if (first === second) {
      process.stdout.write('the same octets in both folders\n');
      return 0;
    }
    process.stderr.write(`these differ between the two folders:\n${differing.join('\n')}\n`);
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns The folder with the release. */
async function release(
  revision: string,
  clone: string,
  umask: string,
  TZ: string,
): Promise<string> {
  const env = { ...process.env, TZ };
  const run = async (words: readonly string[], cwd: string): Promise<void> => {
    // A umask belongs to a whole process, and the two releases are made side by side.
    const argv = ['-c', 'umask "$0" && exec "$@"', umask, ...words];
    const child = spawn('sh', argv, { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`${words.join(' ')}: exit code ${code}`);
  };
  await run(['git', 'clone', '--quiet', REPOSITORY, clone], REPOSITORY);
  await run(['git', 'checkout', '--quiet', revision], clone);
  await run(['npm', 'ci', '--prefer-offline', '--no-audit', '--no-fund', '--silent'], clone);
  await run(['npm', 'run', '--silent', 'release'], clone);
  return join(clone, 'build/release');
}

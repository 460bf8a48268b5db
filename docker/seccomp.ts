// `npm run seccomp [-- TEST …]`: runs tests that start the daemon as a process under strace, and writes what it called
// to docker/seccomp.json. Needs root and strace, on x86-64.
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { seccompProfile } from './seccomp-profile.ts';
import { tracedCalls } from './syscall-trace.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');
const PROFILE = join(REPOSITORY, 'docker/seccomp.json');

/** Between them: UDP by recvmmsg, TCP, TLS, reload, scrape and status page, hostile input, and the end. */
const TESTS = [
  'test/observe/last-word.test.ts',
  'test/observe/reload-shown.test.ts',
  'test/hostile/attacks/messages.test.ts',
  'test/e2e/dot.test.ts',
];

const tests = process.argv.slice(2);
process.exitCode = await main(tests.length > 0 ? tests : TESTS);

async function main(files: readonly string[]): Promise<number> {
  if (arch() !== 'x64') return fail('the trace is made on x86-64');
  if (spawnSync('strace', ['-V']).error !== undefined)
    return fail('needs strace: apt-get install strace');
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-strace-'));
  try {
    const calls = new Set<string>();
    for (const file of files) {
      const found = await trace(file, join(folder, 'trace'));
      const slow = found.passed ? '' : ', and it fails: strace makes it slow';
      process.stdout.write(`${file}: ${found.calls.size} system calls${slow}\n`);
      for (const call of found.calls) calls.add(call);
    }
    if (calls.size === 0) return fail('no test started the daemon');
    const before = new Set<string>(JSON.parse(readFileSync(PROFILE, 'utf8')).syscalls[0].names);
    const profile = seccompProfile(calls);
    writeFileSync(PROFILE, `${JSON.stringify(profile, undefined, 2)}\n`);
    const after = new Set(profile.syscalls.flatMap(({ names }) => names));
    process.stdout.write(
      `${after.size} allowed; new: ${missing(after, before)}; gone: ${missing(before, after)}\n`,
    );
    return 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What a test's daemons call; it counts also where the test asks for more speed than strace leaves. */
async function trace(
  test: string,
  output: string,
): Promise<{ readonly calls: Set<string>; readonly passed: boolean }> {
  const strace = ['-f', '-qq', '-s', '256', '-o', output];
  const env = { ...process.env, SIDESTUB_E2E: 'required' };
  const { status } = spawnSync('strace', [...strace, process.execPath, test], {
    cwd: REPOSITORY,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: createReadStream(output) })) lines.push(line);
  return { calls: tracedCalls(lines), passed: status === 0 };
}

/** What is in one and not in the other. */
function missing(calls: ReadonlySet<string>, other: ReadonlySet<string>): string {
  return (
    [...calls]
      .filter((call) => !other.has(call))
      .sort()
      .join(', ') || 'none'
  );
}

function fail(reason: string): number {
  process.stderr.write(`${reason}\n`);
  return 1;
}

// S5: the log neither stops the daemon nor delays its end, whatever becomes of stdout. Real processes, as users start them.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { startUpstream } from '../../hostile/hostile-upstream.ts';
import { freePort } from '../../support/free-port.ts';
import { productEnv } from '../../support/product-env.ts';

const CLI = join(import.meta.dirname, '../../../src/cli.ts');
const BOUND = 30_000;

/** `sidestub run` with a stdout of the test's, once it is ready. */
async function startInto(t: Test, stdout: number) {
  const upstream = await startUpstream();
  t.teardown(() => upstream.close());
  const folder = scratch(t);
  const file = join(folder, 'sidestub.yaml');
  const port = await freePort();
  writeFileSync(
    file,
    JSON.stringify({
      listen: { addresses: ['127.0.0.1:0'] },
      upstreams: [`127.0.0.1:${upstream.port}`],
      search: { suffixes: [] },
      status: { address: `127.0.0.1:${port}` },
      rehearsal: false,
      shutdown: { message: 'off' },
    }),
  );
  const child = spawn(process.execPath, [CLI, 'run', '--config', file], {
    env: productEnv(),
    stdio: ['ignore', stdout, 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await untilReady(port);
  const unwritten = async (): Promise<number> => {
    const scrape = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return Number(/^sidestub_limits_reached_total\{limit="log_output"\} (\d+)$/m.exec(scrape)?.[1]);
  };
  return { child, unwritten };
}

async function untilReady(port: number): Promise<void> {
  const end = performance.now() + BOUND;
  while (performance.now() < end) {
    const response = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined);
    if (response?.status === 200) return;
    await wait(20);
  }
  throw new Error('it is not ready');
}

/** SIGTERM; with what and after how long it ended. */
async function stop(child: ChildProcess): Promise<{ code: number | null; took: number }> {
  const begun = performance.now();
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(BOUND) });
  return { code, took: performance.now() - begun };
}

function scratch(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-log-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A named pipe, both ends open: no octet goes through it unless the test lets it. */
function pipe(t: Test) {
  const path = join(scratch(t), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, constants.O_WRONLY | constants.O_NONBLOCK) };
}

function fill(writer: number): void {
  const octets = Buffer.alloc(4_096, 'x');
  for (;;) {
    try {
      writeSync(writer, octets);
    } catch {
      return;
    }
  }
}

/** The default grace is 1 s (S2); nothing is in flight here, and the machine is shared. */
const SOON = 2_000;

test('a full disk: the daemon runs, counts the lines that it could not write, and ends as ever (S5)', async (t) => {
  const full = openSync('/dev/full', 'w');
  const { child, unwritten } = await startInto(t, full);
  closeSync(full);
  t.ok((await unwritten()) >= 2, 'that it listens and is ready');
  const { code, took } = await stop(child);
  t.equal(code, 0);
  t.ok(took < SOON, `${took} ms`);
});

test('a pipe whose reader is gone: the same (S5)', async (t) => {
  const { reader, writer } = pipe(t);
  closeSync(reader);
  const { child, unwritten } = await startInto(t, writer);
  closeSync(writer);
  t.ok((await unwritten()) >= 2);
  const { code, took } = await stop(child);
  t.equal(code, 0);
  t.ok(took < SOON, `${took} ms`);
});

test('a pipe whose reader has stopped: SIGTERM ends it in time all the same (S5, S2)', async (t) => {
  const { reader, writer } = pipe(t);
  fill(writer);
  const { child } = await startInto(t, writer);
  const { code, took } = await stop(child);
  t.equal(code, 0);
  t.ok(took < SOON, `${took} ms`);
  closeSync(writer);
  closeSync(reader);
});

test('a reader that was late gets the lines from the first on, and the last one', async (t) => {
  const { reader, writer } = pipe(t);
  fill(writer);
  const { child } = await startInto(t, writer);
  closeSync(writer);
  child.kill('SIGTERM');
  const exited = once(child, 'exit');
  let text = '';
  const chunk = Buffer.alloc(65_536);
  for (let isOpen = true; isOpen; ) {
    try {
      const octets = readSync(reader, chunk);
      isOpen = octets > 0;
      text += chunk.toString('utf8', 0, octets);
    } catch {
      await wait(1);
    }
  }
  await exited;
  const events = text
    .replace(/^x+/, '')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).event);
  t.equal(events[0], 'listening');
  t.equal(events.at(-1), 'stopped');
  closeSync(reader);
});

test('sidestub config | head: a result that nobody reads to its end is no failure', async (t) => {
  const { reader, writer } = pipe(t);
  closeSync(reader);
  const child = spawn(process.execPath, [CLI, 'config'], {
    env: productEnv(),
    stdio: ['ignore', writer, 'pipe'],
  });
  closeSync(writer);
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'exit');
  t.match([code, stderr], [0, '']);
});

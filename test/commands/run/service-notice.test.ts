import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { tellService } from '../../../src/commands/run/service-notice.ts';

const BOUND = 10_000;

/** A folder with a systemd-notify that writes down what it was called with, and where it was to be told. */
function fakeNotify(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-notify-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'systemd-notify');
  const told = join(folder, 'told');
  writeFileSync(
    program,
    `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >"${told}.new"; mv "${told}.new" "${told}"\n`,
  );
  chmodSync(program, 0o755);
  return { path: `${folder}:/usr/bin:/bin`, told };
}

test('systemd is told where it asks to be: READY=1, at the socket that it named', async (t) => {
  const { path, told } = fakeNotify(t);
  const failures: string[] = [];
  const env = { PATH: path, NOTIFY_SOCKET: '/run/systemd/notify' };
  tellService('READY=1', env, (reason) => failures.push(reason));
  for (const late = performance.now() + BOUND; !existsSync(told) && performance.now() < late; )
    await turn();
  t.equal(readFileSync(told, 'utf8'), '/run/systemd/notify READY=1\n');
  t.same(failures, []);
});

test('nobody is told where nobody asks', (t) => {
  for (const env of [{}, { NOTIFY_SOCKET: '' }]) {
    tellService('READY=1', { PATH: '/nowhere', ...env }, () => t.fail('a child was started'));
  }
  t.pass('no child');
  t.end();
});

test('a notice that cannot be given is said: systemd would take the start for failed', async (t) => {
  const reason = await new Promise<string>((resolve) =>
    tellService('STOPPING=1', { PATH: '/nowhere', NOTIFY_SOCKET: '/x' }, resolve),
  );
  t.match(reason, /systemd-notify/);
});

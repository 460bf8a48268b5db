import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { runCommandLine } from '../../src/commands/command-line.ts';
import { podFile } from '../kubernetes/inject/pod-files.ts';
import { responseOf, reviewOf, send } from '../kubernetes/webhook/api-server.ts';
import { startProcess } from '../kubernetes/webhook/start-process.ts';
import { makeCertificate } from '../kubernetes/webhook/test-certificates.ts';

async function start(t: Test, words: readonly string[] = []) {
  const { child, event, listening, port, statusPort, certificate } = await startProcess(
    t.testdir({}),
    words,
  );
  t.teardown(() => child.kill('SIGKILL'));
  return {
    child,
    event,
    listening,
    status: `http://127.0.0.1:${statusPort}`,
    ask: (body: string) => send({ port, ca: certificate.cert, body }),
  };
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = await once(child, 'exit');
  return code;
}

test('the webhook injects as its flags say, and tells what it did', async (t) => {
  const { ask, event, status, listening } = await start(t, [
    '--mode',
    'none',
    '--pin',
    'git.example',
  ]);
  t.match(listening, { version: '1.2.3', fails: 'open', mode: 'none' });
  const { patch } = responseOf(await ask(reviewOf(podFile('bare'))));
  const text = JSON.stringify(patch);
  t.match(text, 'gitlab-jobs.svc.cluster.local', 'the zone from its own resolv.conf');
  t.match(text, 'git.example');
  t.match(text, 'sidestub:1.2.3');
  t.match(await event('review'), { namespace: 'gitlab-jobs', outcome: 'injected', mode: 'none' });
  const metrics = await (await fetch(`${status}/metrics`)).text();
  t.match(metrics, 'sidestub_webhook_reviews_total{outcome="injected"} 1');
  t.equal((await fetch(`${status}/ready`)).status, 200);
});

test('SIGTERM makes it unready, and what still comes is answered until it ends', async (t) => {
  const { child, ask, event, status } = await start(t, ['--drain', '1h']);
  child.kill('SIGTERM');
  await event('signal');
  t.equal((await fetch(`${status}/ready`)).status, 503);
  t.match(await ask(reviewOf(podFile('bare'))), { status: 200 });
  child.kill('SIGTERM');
  t.match(await event('stopped'), { abandoned: 0 });
  t.equal(await exitCode(child), 0, 'the second signal does not wait');
});

test('without --drain to wait for it ends by itself', async (t) => {
  const { child, event } = await start(t, ['--drain', '1ms']);
  child.kill('SIGTERM');
  await event('stopped');
  t.equal(await exitCode(child), 0);
});

test('what makes no sense is an error that says so', async (t) => {
  const run = async (words: readonly string[]) => {
    let printed = '';
    const output = {
      write: (text: string) => {
        printed += text;
      },
    };
    const code = await runCommandLine(
      ['webhook', ...words],
      { webhook: () => import('../../src/commands/webhook.ts') },
      { env: {}, stdout: output, stderr: output, version: '1.2.3' },
    );
    return { code, printed };
  };
  const folder = t.testdir({});
  const { files } = makeCertificate(folder, 'a');
  const tls = ['--tls-cert', files.cert, '--tls-key', files.key];
  t.match(await run([]), { code: 64, printed: /--tls-cert is missing/ });
  t.match(await run([...tls, '--address', 'here']), {
    code: 64,
    printed: /--address is not an address/,
  });
  t.match(await run([...tls, '--drain', 'soon']), { code: 64, printed: /--drain/ });
  t.match(await run([...tls, '--mode', 'both']), { code: 64 });
  t.match(await run(['--tls-cert', join(folder, 'none'), '--tls-key', files.key]), {
    code: 78,
    printed: /none: cannot be read: ENOENT/,
  });
  t.match(await run([...tls, '--address', '192.0.2.1:0']), { code: 78, printed: /EADDRNOTAVAIL/ });
});

// L6: a name of the pod's hosts file (`hostAliases`) opens the gates, as each program finds it there. A mount namespace
// stands for the sidecar's container.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'tap';
import { scratch, startSidestub } from '../observe/running-sidestub.ts';
import { productEnv } from '../support/product-env.ts';

const CLI = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');
const ROOT = process.getuid?.() === 0;

/** Runs the command where `/etc/hosts` is that file. */
function inContainer(hosts: string, words: readonly string[]) {
  const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
  const child = spawn(
    'unshare',
    ['--mount', 'sh', '-c', script, hosts, process.execPath, CLI, ...words],
    { env: productEnv(), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { child, ended: ended.then(([stdout, stderr, [code]]) => ({ stdout, stderr, code })) };
}

test('wait and explain find a name of /etc/hosts, also one that is written later', {
  skip: !ROOT && 'wants root',
}, async (t) => {
  const sidestub = await startSidestub(t);
  const listen = ['--listen', `${sidestub.dns.address}:${sidestub.dns.port}`];
  const hosts = join(scratch(t), 'hosts');
  writeFileSync(hosts, '192.0.2.10 alias.corp\n');
  const found = await inContainer(hosts, ['wait', 'alias.corp', '--timeout', '5s', ...listen])
    .ended;
  t.match(found, { code: 0, stderr: '' });
  t.match(JSON.parse(found.stdout), { names: [{ addresses: ['192.0.2.10'], rounds: 1 }] });
  const explained = await inContainer(hosts, ['explain', 'alias.corp', '--json', ...listen]).ended;
  t.match(JSON.parse(explained.stdout), {
    hosts: ['192.0.2.10'],
    warnings: [/^programs take alias\.corp from \/etc\/hosts and ask no server: 192\.0\.2\.10/],
  });
  const later = inContainer(hosts, ['wait', 'later.corp', '--timeout', '20s', ...listen]);
  const wanted = 'later.corp.';
  while (!sidestub.cluster.asked.some(({ qname }) => qname === wanted)) await sidestub.lookup('x');
  writeFileSync(hosts, '2001:db8::10 later.corp\n');
  t.match(await later.ended, { code: 0, stdout: /2001:db8::10/ });
});

test('ready.names: a daemon whose name is an alias of the pod becomes ready', {
  skip: !ROOT && 'wants root',
}, async (t) => {
  const hosts = join(scratch(t), 'hosts');
  writeFileSync(hosts, '192.0.2.10 alias.corp\n');
  const sidestub = await startSidestub(t);
  const upstream = `${sidestub.dns.address}:${sidestub.dns.port}`;
  const config = join(scratch(t), 'sidestub.json');
  writeFileSync(
    config,
    JSON.stringify({ ready: { names: ['alias.corp'] }, status: { address: 'off' } }),
  );
  const words = ['run', '--config', config, '--listen', '127.0.0.1:0', '--upstream', upstream];
  const { child, ended } = inContainer(hosts, words);
  let log = '';
  while (!log.includes('"event":"ready"')) log += String((await once(child.stdout, 'data'))[0]);
  child.kill('SIGTERM');
  t.equal((await ended).code, 0);
});

import { join } from 'node:path';
import { test } from 'tap';
import { SETTING_KEYS } from '../../src/config/schema.ts';
import { run } from './captured.ts';

test('the effective configuration is a configuration file', async (t) => {
  const directory = t.testdir({ 'a.yaml': 'tcp:\n  idle: 5s\nupstreams: [10.0.0.1]\n' });
  const first = await run(['config', '--config', join(directory, 'a.yaml')], {
    SIDESTUB_HOSTS: '/etc/hosts',
  });
  t.equal(first.code, 0);
  t.match(first.stdout, /^ {2}idle: 5s +# .*a\.yaml:2$/m);
  t.match(first.stdout, /^hosts: \/etc\/hosts +# env SIDESTUB_HOSTS$/m);
  const again = t.testdir({ 'b.yaml': first.stdout });
  const second = await run(['config', '--config', join(again, 'b.yaml')]);
  t.same(second.stdout.split(/ *# .*\n/), first.stdout.split(/ *# .*\n/));
});

test('--json has every setting with value and origin', async (t) => {
  const { code, stdout } = await run(['config', '--json', '--upstream', '10.0.0.1,10.0.0.2']);
  t.equal(code, 0);
  const settings = JSON.parse(stdout);
  t.same(Object.keys(settings), SETTING_KEYS);
  t.same(settings.upstreams, {
    value: [['udp://10.0.0.1:53', 'udp://10.0.0.2:53']],
    origin: '--upstream',
  });
});

test('--check is silent where all is right', async (t) => {
  const directory = t.testdir({ 'resolv.conf': 'nameserver 10.96.0.10\n' });
  const words = ['config', '--check', '--resolv-conf', join(directory, 'resolv.conf')];
  t.same(await run(words), { code: 0, stdout: '', stderr: '' });
});

test('every problem is printed on a line of its own, and the exit code is 78 (S3)', async (t) => {
  const directory = t.testdir({ 'a.yaml': 'tpc: {}\ncache:\n  octets: 1\n' });
  const path = join(directory, 'a.yaml');
  for (const check of [[], ['--check']]) {
    const words = ['config', ...check, '--config', path, '--upstream', 'dns'];
    const { code, stdout, stderr } = await run(words);
    t.equal(code, 78);
    t.equal(stdout, '');
    t.match(stderr.trimEnd().split('\n'), [
      `sidestub: ${path}:1:1: unknown key: tpc (did you mean tcp?)`,
      `sidestub: ${path}:3:11: cache.octets: not a size`,
      'sidestub: --upstream: upstreams: upstream is not an address',
    ]);
  }
});

test('what is odd is noted and does not stop', async (t) => {
  const directory = t.testdir({ 'resolv.conf': 'nameserver 10.0.0.1\nnamesever 10.0.0.2\n' });
  const path = join(directory, 'resolv.conf');
  const { code, stderr } = await run(['config', '--check', '--resolv-conf', path]);
  t.equal(code, 0);
  t.equal(stderr, `sidestub: note: ${path}:2: unknown keyword: namesever\n`);
});

test('a resolv.conf that leads back to us is refused with what to do (U1)', async (t) => {
  const directory = t.testdir({ 'resolv.conf': 'nameserver 127.0.0.1\n' });
  const path = join(directory, 'resolv.conf');
  const { code, stderr } = await run(['config', '--resolv-conf', path, '--listen', '127.0.0.1']);
  t.equal(code, 78);
  t.match(stderr, /127\.0\.0\.1:53 is sidestub itself.*--upstream/);
});

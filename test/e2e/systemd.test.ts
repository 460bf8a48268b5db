// The units of k8s/systemd: as systemd-analyze sees them, and under a systemd that boots in the lab.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Test, test } from 'tap';
import { containerEngine } from '../support/container-engine.ts';
import { CLUSTER_DNS } from '../support/lab-network.ts';
import { required } from '../support/lab-requirements.ts';
import { LIBCS, resolvesTo, setupLab } from '../support/lab-story.ts';
import { bootSystemd } from '../support/systemd-host.ts';

const UNITS = resolve(import.meta.dirname, '../../k8s/systemd');
const SERVICE = 'sidestub.service';

function temporaryFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-systemd-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The units in a folder of their own, with a program that is there. */
function installedUnits(t: Test): string {
  const folder = temporaryFolder(t);
  cpSync(join(UNITS, 'sidestub.socket'), join(folder, 'sidestub.socket'));
  const service = readFileSync(join(UNITS, SERVICE), 'utf8');
  const here = service.replace('ExecStart=/opt/sidestub/node', `ExecStart=${process.execPath}`);
  t.not(here, service);
  writeFileSync(join(folder, SERVICE), here);
  return folder;
}

function analyze(...words: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

test('the units say nothing that systemd does not understand', async (t) => {
  if (!required(t, ['systemd-analyze'])) return;
  const folder = installedUnits(t);
  const units = [join(folder, SERVICE), join(folder, 'sidestub.socket')];
  t.strictSame(analyze('verify', ...units), { status: 0, output: '' });
  writeFileSync(join(folder, SERVICE), `${readFileSync(join(folder, SERVICE), 'utf8')}\nOdd=1\n`);
  t.match(analyze('verify', ...units).output, 'Odd', 'it would be seen');
});

test('the service is exposed to 2.0 at most', async (t) => {
  if (!required(t, ['systemd-analyze'])) return;
  const words = ['security', '--offline=true', '--no-pager'];
  const { status, output } = analyze(...words, '--threshold=20', join(UNITS, SERVICE));
  t.equal(status, 0, output.trim().split('\n').at(-1) ?? '');
  t.not(analyze(...words, '--threshold=10', join(UNITS, SERVICE)).status, 0, 'it is measured');
});

test('under systemd', async (t) => {
  if (!required(t, ['systemctl', 'nsenter', 'unshare'])) return;
  const engine = containerEngine(t);
  if (engine === undefined) return;
  const lab = await setupLab(t);
  if (lab === undefined) return;
  const folder = temporaryFolder(t);
  // As docs/systemd.md has it: the program with Node beside it.
  const app = join(folder, 'app');
  cpSync(join(engine.root, 'app'), app, { recursive: true });
  cpSync(join(engine.root, 'usr/bin/node'), join(app, 'node'));
  const units = join(folder, 'units');
  mkdirSync(units);
  for (const unit of [SERVICE, 'sidestub.socket']) cpSync(join(UNITS, unit), join(units, unit));
  const configuration = join(folder, 'sidestub.yaml');
  const example = readFileSync(join(UNITS, 'sidestub.yaml'), 'utf8');
  const line = 'resolvConf: /run/systemd/resolve/resolv.conf';
  t.match(example, line);
  const search = 'search: { suffixes: [job.svc.cluster.local, svc.cluster.local, cluster.local] }';
  writeFileSync(configuration, example.replace(line, `upstreams: [${CLUSTER_DNS}]\n${search}`));
  const host = await bootSystemd({ network: lab.network.pod, folder, app, units, configuration });
  t.teardown(() => host.stop());

  t.teardown(() => {
    // What it wrote last says why something failed.
    if (!t.passing()) t.comment(host.run('systemctl', 'status', '-n', '30', SERVICE).output);
  });

  await t.test('the first question starts the service, and is answered', async (t) => {
    t.equal(host.run('systemctl', 'start', 'sidestub.socket').output, '');
    t.equal(host.property(SERVICE, 'ActiveState'), 'inactive');
    const lookup = await lab.lookup('musl', 'git.example.com', { through: 'stub' });
    resolvesTo(t, lookup, ['192.0.2.1', '2001:db8::1']);
  });

  await t.test('it is active when it has said that it is ready', async (t) => {
    // Waits for READY=1: the unit is of Type=notify.
    t.equal(host.run('systemctl', 'start', SERVICE).output, '');
    t.equal(host.property(SERVICE, 'ActiveState'), 'active');
    for (const libc of LIBCS) {
      const lookup = await lab.lookup(libc, 'gitlab.com', { through: 'stub' });
      resolvesTo(t, lookup, ['192.0.2.20', '2001:db8::20']);
    }
    const sockets = host.run('ss', '-Hlntu', 'sport', '=', ':53').output;
    t.equal(sockets.split('\n').length, 4, 'the four sockets of the unit, and none besides');
  });

  await t.test('it is nobody, and can do nothing', async (t) => {
    const pid = host.property(SERVICE, 'MainPID');
    const status = host.run('cat', `/proc/${pid}/status`).output;
    const [, uid] = /^Uid:\s+(\d+)/m.exec(status) ?? [];
    t.ok(Number(uid) >= 61_184 && Number(uid) <= 65_519, `a dynamic user: ${uid}`);
    t.match(status, /^CapEff:\s+0+$/m);
    t.match(status, /^CapBnd:\s+0+$/m);
    t.match(status, /^NoNewPrivs:\s+1$/m);
    t.match(status, /^Seccomp:\s+2$/m);
  });

  await t.test('a restart loses no question: the sockets are systemd’s', async (t) => {
    const before = host.property(SERVICE, 'MainPID');
    const restarted = host.run('systemctl', '--no-block', 'restart', SERVICE);
    t.equal(restarted.output, '');
    for (const name of ['git.example.com', 'registry.example.com']) {
      const lookup = await lab.lookup('glibc', name, { through: 'stub' });
      t.equal(lookup.error, '', `${name} resolves meanwhile`);
    }
    t.equal(host.run('systemctl', 'start', SERVICE).output, '');
    t.not(host.property(SERVICE, 'MainPID'), before);
  });

  await t.test('it reloads and ends in good order', async (t) => {
    const pid = host.property(SERVICE, 'MainPID');
    t.equal(host.run('systemctl', 'reload', SERVICE).output, '');
    t.equal(
      host.run('systemctl', 'stop', SERVICE, 'sidestub.socket').output.replace(/^Warning.*/, ''),
      '',
    );
    t.equal(host.property(SERVICE, 'Result'), 'success');
    // The journal takes lines when it gets to it.
    t.equal(host.run('journalctl', '--sync').output, '');
    const log = host.run('journalctl', `_PID=${pid}`, '--output=cat', '--no-pager').output;
    t.match(log, /"event":"reloaded"/);
    t.match(log, /"event":"stopped",.*"abandoned":0,/);
  });
});

// `wait` as users start it: a process of its own, by the machine's clock, behind a daemon that is a process too.
import tap, { type Test, test } from 'tap';
import type { Asked } from '../../src/demo/cluster.ts';
import { RrType } from '../../src/wire/codes.ts';
import { freePort } from '../support/free-port.ts';
import { flagsFor, server, silence } from './servers.ts';
import { run, start } from './started.ts';

// Most of their time is waiting.
tap.jobs = 4;

/** A daemon with its negative cache in front of that server, and the flags with which a command asks it. */
async function daemonBefore(t: Test, onAsked?: (asked: Asked) => void) {
  const { services, address } = await server(t, onAsked);
  const listen = `127.0.0.1:${await freePort()}`;
  const flags = flagsFor(t, listen);
  const daemon = start(t, ['run', '--metrics', '127.0.0.1:0', '--upstream', address, ...flags]);
  await daemon.printed(/"event":"ready"/);
  return { services, flags };
}

test('wait: a name that the daemon denies is 1 at the timeout, with the reason on stderr too', {
  buffered: true,
}, async (t) => {
  const { flags } = await daemonBefore(t);
  // Long enough for one round on a loaded machine: without a round there is no reason but the timeout.
  const timeout = 3_000;
  const words = ['wait', 'late', '--timeout', `${timeout}ms`, ...flags];
  const { code, stdout, stderr, took } = await run(t, words);
  t.equal(code, 1);
  t.match(JSON.parse(stdout), {
    names: [{ name: 'late', resolved: false, reason: 'late: NXDOMAIN' }],
  });
  t.equal(stderr, 'late does not resolve: late: NXDOMAIN\n');
  t.ok(took >= timeout, `${took} ms`);
});

/** After the first question for the name. */
const DELAY = 2_000;
/** Of type A for the name: a round has two clients, and each asks once, so that two rounds have come before. */
const DENIALS = 4;

test('wait: a name that appears after some denials is 0 soon after, behind a negative cache', {
  buffered: true,
}, async (t) => {
  let first: number | undefined;
  let made: number | undefined;
  let denials = 0;
  let late = false;
  const makeWhenDue = (): void => {
    if (!late || denials < DENIALS || made !== undefined) return;
    made = performance.now();
    services['late'] = { addresses: ['10.96.0.9'] };
  };
  const { services, flags } = await daemonBefore(t, ({ qname, qtype }) => {
    if (qname !== 'late.job.svc.cluster.local.' || qtype !== RrType.A) return;
    if (first === undefined) {
      first = performance.now();
      const timer = setTimeout(() => {
        late = true;
        makeWhenDue();
      }, DELAY);
      t.teardown(() => clearTimeout(timer));
    }
    denials++;
    makeWhenDue();
  });
  const { code, stdout, stderr } = await run(t, ['wait', 'late', '--timeout', '60s', ...flags]);
  t.match({ code, stderr }, { code: 0, stderr: '' });
  const [found] = JSON.parse(stdout).names;
  t.match(found, { resolved: true, addresses: ['10.96.0.9'] });
  t.ok(found.rounds > 2, `${found.rounds} rounds`);
  // By its own clock, which began before the first question: what the process takes to start and to end is no part.
  const denied = (made ?? Number.NaN) - (first ?? Number.NaN);
  t.ok(found.waited >= Math.floor(denied), `${found.waited} of ${denied} ms`);
  // A pause of a second and a denial that is remembered for a quarter of one: about half of this.
  t.ok(found.waited < denied + 2 * DELAY, `${found.waited} of ${denied} ms`);
});

test('wait: nobody answers, at the name or at /ready: 1 at the timeout', {
  buffered: true,
}, async (t) => {
  const silent = await silence(t);
  const [name, daemon, absent] = await Promise.all([
    run(t, ['wait', 'late', '--timeout', '600ms', ...flagsFor(t, silent)]),
    run(t, ['wait', '--timeout', '200ms', '--metrics', silent]),
    run(t, ['wait', '--timeout', '400ms', '--metrics', `127.0.0.1:${await freePort()}`]),
  ]);
  t.match(name, { code: 1, stdout: /no answer/ });
  t.match(daemon, { code: 1, stdout: '', stderr: /^not ready after 200 ms: .*silent for/ });
  t.match(absent, { code: 1, stdout: '', stderr: /^not ready after 400 ms: .*ECONNREFUSED/ });
  t.ok(absent.took >= 400, 'it went on asking');
});

test('wait: the hook of a pod is 0 when the daemon is ready, and loads no configuration', {
  buffered: true,
}, async (t) => {
  const { address } = await server(t);
  const status = `127.0.0.1:${await freePort()}`;
  const flags = flagsFor(t, `127.0.0.1:${await freePort()}`);
  const words = ['run', '--metrics', status, '--upstream', address, ...flags];
  // Begun before the daemon, as kubelet may.
  const hook = start(t, ['wait', '--metrics', status], { imports: [TELL_MODULES] }).ended;
  const daemon = start(t, words);
  const { code, stdout, stderr } = await hook;
  t.match({ code, stdout }, { code: 0, stdout: '' });
  t.match(stderr, /hook\.ts/);
  t.notMatch(stderr, /command-line\.ts|config\/load\.ts|node:http/);
  await daemon.printed(/"event":"ready"/);
});

/** Prints at the end what was loaded. */
const TELL_MODULES = `
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  process.on('exit', () => process._rawDebug(loaded.join(' ')));
`;

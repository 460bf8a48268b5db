import { test } from 'tap';
import { type NameWait, waitForName } from '../../../src/commands/wait/name-wait.ts';
import type { Client, Walk } from '../../../src/walk/walk.ts';
import { Rcode } from '../../../src/wire/codes.ts';
import { HandClock } from '../../support/hand-clock.ts';

const STEP = { name: 'git.example.com.', started: 0, ended: 1, queries: 2, addresses: [] };
const FOUND: Walk = { outcome: 'found', addresses: ['192.0.2.1'], steps: [], elapsed: 1 };

function missing(rcodeA: number | undefined, rcodeAAAA: number | undefined): Walk {
  const rcodes = {
    ...(rcodeA === undefined ? {} : { rcodeA }),
    ...(rcodeAAAA === undefined ? {} : { rcodeAAAA }),
  };
  const step = { ...STEP, ...rcodes, meaning: 'no-such-name' as const };
  return { outcome: 'not-found', addresses: [], steps: [step], elapsed: 1 };
}

/** Walks as the script says, round by round; the last one stays. `'silence'` ends with the signal only. */
function client(
  name: string,
  ...rounds: (Walk | 'silence')[]
): Client & { readonly walked: number[] } {
  const walked: number[] = [];
  return {
    name,
    walked,
    walk: (_name, signal) => {
      const walk = rounds[Math.min(walked.length, rounds.length - 1)] ?? 'silence';
      walked.push(walked.length);
      if (walk !== 'silence') return Promise.resolve(walk);
      return new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    },
  };
}

async function outcome(clients: readonly Client[], timeout = 5_000) {
  const clock = new HandClock();
  let wait: NameWait | undefined;
  const told: string[] = [];
  const onRetry = (_: string, reason: string) => told.push(reason);
  void waitForName('git.example.com', { clients, clock, timeout, onRetry }).then((ended) => {
    wait = ended;
  });
  for (let wound = 0; wait === undefined && wound <= timeout; wound += 50) await clock.advance(50);
  if (wait === undefined) throw new Error('it did not end at its timeout');
  return { wait, told, timers: clock.timers };
}

test('a name that all find is resolved in one round', async (t) => {
  const { wait, timers } = await outcome([client('musl', FOUND), client('glibc', FOUND)]);
  t.match(wait, { resolved: true, addresses: ['192.0.2.1'], rounds: 1 });
  t.notOk('reason' in wait);
  t.equal(timers, 0);
});

test('it asks again until the name is there', async (t) => {
  const late = client('musl', missing(3, 3), missing(3, 3), missing(3, 3), FOUND);
  const { wait, told } = await outcome([late]);
  t.match(wait, { resolved: true, rounds: 4 });
  t.equal(wait.waited, 100 + 200 + 400, 'pauses double');
  t.equal(told.length, 3);
});

test('the pause keeps the process alive: no socket is open in it', async (t) => {
  const clock = new HandClock();
  const late = client('musl', missing(3, 3), FOUND);
  const ended = waitForName('git.example.com', { clients: [late], clock, timeout: 5_000 });
  await clock.advance(50);
  t.equal(clock.keepsAlive, true);
  await clock.advance(50);
  t.match(await ended, { resolved: true });
  t.equal(clock.keepsAlive, false);
});

test('pauses grow to a second and no further', async (t) => {
  const never = client('musl', missing(3, 3));
  const { wait } = await outcome([never], 10_000);
  // After 100, 200, 400 and 800 ms one each second.
  t.equal(never.walked.length, 5 + 8);
  t.match(wait, { resolved: false, waited: 10_000, reason: 'git.example.com: NXDOMAIN' });
});

test('M5: what glibc finds and musl does not is not resolved, and the reason says so', async (t) => {
  const { wait } = await outcome([
    client('musl', missing(Rcode.NXDOMAIN, 0)),
    client('glibc', FOUND),
  ]);
  t.equal(wait.resolved, false);
  t.equal(wait.reason, 'glibc finds it, musl does not: git.example.com: A NXDOMAIN, AAAA no data');
});

test('each way to have no address has its words', async (t) => {
  for (const [walk, reason] of [
    [missing(0, 0), 'git.example.com: no data'],
    [missing(2, 2), 'git.example.com: SERVFAIL'],
    [missing(undefined, undefined), 'git.example.com: no answer'],
    [missing(0, undefined), 'git.example.com: A no data, AAAA no answer'],
  ] as const) {
    t.equal((await outcome([client('musl', walk)], 500)).wait.reason, reason);
  }
});

test('servers that say nothing cannot make it longer than its timeout', async (t) => {
  const { wait, timers } = await outcome([client('musl', 'silence')], 700);
  t.match(wait, { resolved: false, rounds: 0, waited: 700, reason: 'no answer within 700 ms' });
  t.equal(timers, 0);
});

test('a bug in a client is no timeout', async (t) => {
  const broken: Client = {
    name: 'broken',
    walk: () => Promise.reject(new TypeError('x is not y')),
  };
  const clock = new HandClock();
  await t.rejects(waitForName('a', { clients: [broken], clock, timeout: 1_000 }), TypeError);
  t.equal(clock.timers, 0);
});

import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'tap';
import { udpClient } from '../clients.ts';
import { type HostileWorld, type Owner, startWorld } from '../hostile-daemon.ts';

const REQUEST = 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
/** MiB: the sidecar's limit. Without bounds it would be gigabytes. */
const MOST = 96;
/**
 * Milliseconds that cached names may wait, nine of ten, beyond what they wait for in peace; and how many times as long as
 * then, since a busy machine makes all of it slower. It is about ten; if the scrapes of one connection were answered
 * in one turn of the event loop, it would be a thousand.
 */
const SOON = 50;
const TIMES = 30;

/** Pipelines scrapes on a connection, and counts the answers. */
async function scrape(t: Owner, { statusUrl }: HostileWorld, count: number) {
  const { hostname, port } = new URL(statusUrl);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  const told = { answers: 0, socket };
  socket.setEncoding('latin1').on('data', (text: unknown) => {
    told.answers += String(text).split('HTTP/1.1 200').length - 1;
  });
  socket.write(REQUEST.repeat(count));
  return told;
}

test('pipelined scrapes: 3,000 on one connection, then on 32 at once, cost neither memory nor cached names (S1)', async (t) => {
  const world = await startWorld(t, { compiled: true, nodeFlags: ['--max-semi-space-size=1'] });
  const client = await udpClient(t, world.dns);
  await client.ask('hot.example.');
  const hundred = async (): Promise<{ slow: number; rss: number }> => {
    const took: number[] = [];
    let rss = 0;
    for (let i = 0; i < 100; i++) {
      took.push((await client.ask('hot.example.')).took);
      rss = Math.max(rss, world.memory().rss);
      await wait(10);
    }
    return { slow: took.toSorted((a, b) => a - b)[90] ?? 0, rss };
  };
  const attack = async (connections: number): Promise<number> => {
    const scrapes = await Promise.all(
      Array.from({ length: connections }, () => scrape(t, world, 3_000)),
    );
    const { slow, rss } = await hundred();
    t.ok(rss <= MOST, `${connections}: ${Math.round(rss)} MiB`);
    t.ok(
      scrapes.every(({ answers }) => answers > 0),
      'each is answered in its turn',
    );
    for (const { socket } of scrapes) socket.destroy();
    return slow;
  };
  const before = await hundred();
  const slow = [await attack(1), await attack(31)];
  const calm = Math.max(before.slow, (await hundred()).slow);
  for (const each of slow) t.ok(each <= SOON + TIMES * calm, `${each} ms, in peace ${calm}`);
  t.equal(await world.health(), 'well');
});

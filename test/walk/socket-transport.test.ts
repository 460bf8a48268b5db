import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Test, test } from 'tap';
import { monotonicClock } from '../../src/clock.ts';
import { startCluster } from '../../src/demo/cluster.ts';
import { worldOf } from '../../src/demo/cluster-world.ts';
import { cares } from '../../src/walk/c-ares.ts';
import { glibc } from '../../src/walk/glibc.ts';
import { go } from '../../src/walk/go.ts';
import { musl } from '../../src/walk/musl.ts';
import { socketTransport } from '../../src/walk/socket-transport.ts';
import type { ClientOptions } from '../../src/walk/walk.ts';

/** More A records than 512 octets hold. */
const MANY = Array.from({ length: 60 }, (_, i) => `198.51.100.${i + 1}`);

const WORLD = worldOf({
  hosts: {
    'git.example.com.': { a: ['198.51.100.7'], aaaa: ['2001:db8::7'] },
    'many.example.com.': { a: MANY },
  },
});

async function setup(t: Test, address = '127.0.0.1') {
  const cluster = await startCluster({
    endpoints: [{ address, port: 0 }],
    world: WORLD,
    clock: monotonicClock,
  });
  t.teardown(() => cluster.close());
  const options: ClientOptions = {
    facts: { nameservers: cluster.endpoints, search: ['svc.cluster.local.'], ndots: 5 },
    clock: monotonicClock,
    transport: socketTransport,
  };
  return { cluster, options };
}

test('every model walks over real sockets, IPv4 and IPv6', async (t) => {
  for (const address of ['127.0.0.1', '::1']) {
    const { options } = await setup(t, address);
    for (const client of [musl(options, '1.2.3'), glibc(options), go(options), cares(options)]) {
      const { outcome, addresses } = await client.walk('git.example.com');
      t.equal(outcome, 'found', `${client.name} ${address}`);
      t.strictSame(addresses, ['198.51.100.7', '2001:db8::7']);
    }
  }
});

test('musl and glibc send a pair from one port, Go from two', async (t) => {
  const { cluster, options } = await setup(t);
  const ports = async (client: { walk(name: string): Promise<unknown> }) => {
    cluster.asked.length = 0;
    await client.walk('git.example.com.');
    return new Set(cluster.asked.map(({ peer }) => peer.port)).size;
  };
  t.equal(await ports(musl(options, '1.2.3')), 1);
  t.equal(await ports(glibc(options)), 1);
  t.equal(await ports(go(options)), 2);
});

test('TC is followed over a real connection', async (t) => {
  const { cluster, options } = await setup(t);
  for (const client of [musl(options, '1.2.5'), glibc(options)]) {
    cluster.asked.length = 0;
    const { addresses } = await client.walk('many.example.com.');
    // musl stops at MAXADDRS.
    t.ok(addresses.length >= 48, client.name);
    t.ok(cluster.asked.some(({ transport }) => transport === 'tcp'));
  }
  const old = await musl(options, '1.2.3').walk('many.example.com.');
  t.ok(old.addresses.length < 48);
});

test('a port that nobody listens at is told to a connected socket', async (t) => {
  const { options } = await setup(t);
  const probe = createSocket('udp4');
  probe.bind(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  const facts = { ...options.facts, nameservers: [{ address: '127.0.0.1', port }] };
  const { outcome, steps } = await glibc({ ...options, facts }).walk('git.example.com');
  t.equal(outcome, 'try-again');
  t.equal(steps.length, 1);
});

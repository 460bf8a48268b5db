import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type Test, test } from 'tap';
import { Listeners } from '../../src/daemon/listeners.ts';
import { chooseUdp, type ListenUdp } from '../../src/listen/udp-io.ts';
import { echo } from '../listen/echo.ts';
import { freePort } from '../support/free-port.ts';

const silent = () => undefined;

async function takenPort(t: Test): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Listeners whose first UDP socket has a port that is taken over TCP, and how many sockets they opened and closed. */
async function setup(t: Test) {
  const { responder, clock } = echo();
  const taken = await takenPort(t);
  const free = await freePort();
  const count = { opened: 0, closed: 0 };
  const listenUdp = chooseUdp('dgram', { clock, threads: 1 }, silent);
  const bind: ListenUdp = async (endpoint, ...rest) => {
    // What the kernel would choose may be taken over TCP as well, by chance.
    const next = endpoint.port === 0 ? free : endpoint.port;
    const asked = { ...endpoint, port: count.opened++ === 0 ? taken : next };
    const socket = await listenUdp(asked, ...rest);
    const close = async () => {
      count.closed++;
      await socket.close();
    };
    return { ...socket, close };
  };
  const listeners = new Listeners({
    listenUdp: bind,
    responder,
    clock,
    threads: 1,
    limits: {
      maxConnections: 4,
      maxConnectionsPerClient: 4,
      maxInFlight: 4,
      idle: 1_000,
      life: 10_000,
    },
    events: { opened: silent, closed: silent, refused: silent, limited: silent },
    passed: [],
  });
  t.teardown(() => listeners.close());
  return { listeners, taken, count };
}

test('L1: a port that the kernel chose for UDP and that is taken over TCP: both get another', async (t) => {
  const { listeners, taken, count } = await setup(t);
  await listeners.change([{ address: '127.0.0.1', port: 0 }]);
  t.equal(listeners.endpoints.length, 1);
  t.not(listeners.endpoints[0]?.port, taken);
  t.strictSame(count, { opened: 2, closed: 1 });
});

test('L1: a port of the configuration that is taken is an error, and nothing stays open', async (t) => {
  const { listeners, taken, count } = await setup(t);
  const message = `listen tcp 127.0.0.1:${taken}: already in use by another process`;
  await t.rejects(listeners.change([{ address: '127.0.0.1', port: taken }]), { message });
  t.strictSame(listeners.endpoints, []);
  t.strictSame(count, { opened: 1, closed: 1 });
});

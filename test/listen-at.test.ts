import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { test } from 'tap';
import { listenAt, onOnePort } from '../src/listen-at.ts';

const LOOPBACK = { address: '127.0.0.1', port: 0 };

function serverFor(t: { teardown(close: () => void): void }): Server {
  const server = createServer();
  t.teardown(() => server.close());
  return server;
}

async function bound(server: Server): Promise<{ address: string; port: number }> {
  if (!server.listening) await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('not a TCP server');
  return address;
}

for (const [how, Bound] of [
  ['bound here', undefined],
  ['bound by Node, before 26', null],
] as const) {
  const at = (server: Server, endpoint = LOOPBACK, options = {}) =>
    Bound === null
      ? listenAt(server, endpoint, options, null)
      : listenAt(server, endpoint, options);

  test(`${how}: it listens on the address alone`, async (t) => {
    const server = serverFor(t);
    at(server);
    const { address, port } = await bound(server);
    t.equal(address, '127.0.0.1');
    t.ok(port > 0);
  });

  test(`${how}: :: leaves IPv4 to others when told to`, async (t) => {
    const [six, four] = [serverFor(t), serverFor(t)];
    at(six, { address: '::', port: 0 }, { ipv6Only: true });
    const { port } = await bound(six);
    at(four, { address: '0.0.0.0', port }, { ipv6Only: true });
    t.equal((await bound(four)).port, port);
  });

  test(`${how}: threads share an address`, async (t) => {
    const [first, second] = [serverFor(t), serverFor(t)];
    at(first, LOOPBACK, { reusePort: true });
    const { port } = await bound(first);
    at(second, { ...LOOPBACK, port }, { reusePort: true });
    t.equal((await bound(second)).port, port);
  });

  test(`${how}: an address that is taken is an error`, async (t) => {
    const [first, second] = [serverFor(t), serverFor(t)];
    at(first);
    const { port } = await bound(first);
    const failed = new Promise((_resolve, reject) => {
      second.once('error', reject);
      at(second, { ...LOOPBACK, port });
    });
    await t.rejects(failed, { code: 'EADDRINUSE' });
  });
}

const refused = (code: string) => Object.assign(new Error(`bind ${code}`), { code });

test('a port that the kernel chose and that is taken for the other transport: it chooses again', async (t) => {
  let binds = 0;
  const bind = async () => {
    if (++binds < 3) throw refused('EADDRINUSE');
    return binds;
  };
  t.equal(await onOnePort(0, bind), 3);
});

for (const [what, port, code, most] of [
  ['a port that was asked for', 53, 'EADDRINUSE', 1],
  ['any other error', 0, 'EMFILE', 1],
  ['no port is free', 0, 'EADDRINUSE', 16],
] as const) {
  test(`${what}: the error is told after ${most}`, async (t) => {
    let binds = 0;
    const bind = async () => {
      binds++;
      throw refused(code);
    };
    await t.rejects(onOnePort(port, bind), { code });
    t.equal(binds, most);
  });
}

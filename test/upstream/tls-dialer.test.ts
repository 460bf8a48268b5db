import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { type Test, test } from 'tap';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { TlsDialer } from '../../src/upstream/tls-dialer.ts';
import { HandClock } from '../support/hand-clock.ts';
import { type Identity, makeCa } from './certificates.ts';

// What the machine trusts beside Node's own must not decide.
delete process.env['NODE_EXTRA_CA_CERTS'];

/** A TLS server that says a word and closes; `met` holds what it saw of each client that finished its handshake. */
async function greeter(t: Test, { key, cert }: Identity, options: TlsOptions = {}) {
  const met: { name: string | false | null; protocol: string | false | null; resumed: boolean }[] =
    [];
  const server = createServer({ key, cert, ALPNProtocols: ['h2'], ...options }, (socket) => {
    const { servername, alpnProtocol } = socket;
    met.push({ name: servername, protocol: alpnProtocol, resumed: socket.isSessionReused() });
    socket.on('error', () => undefined);
    socket.end('hello');
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const forget = () => server.setTicketKeys(randomBytes(48));
  return { port: (server.address() as AddressInfo).port, met, forget };
}

/** OpenSSL's own server: unlike Node's it renews the ticket of a session each time that it is resumed. */
async function renewer(t: Test, { keyFile, certFile }: Identity): Promise<number> {
  const files = ['-key', keyFile, '-cert', certFile];
  const server = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-www', ...files], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  t.teardown(() => server.kill());
  server.stdout.setEncoding('latin1');
  let said = '';
  for await (const words of server.stdout.iterator({ destroyOnReturn: false })) {
    said += words;
    const port = /^ACCEPT .*:(\d+)\s/m.exec(said)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`openssl does not listen: ${said}`);
}

function dialerTo(port: number, parameters: string, protocols: readonly string[] = []) {
  const address = parseServerAddress(`tls://127.0.0.1:${port}?${parameters}`);
  if (address.transport !== 'tls') throw new Error('not tls');
  const clock = new HandClock();
  return { dialer: new TlsDialer(address, protocols, clock), clock, name: address.name };
}

/** A whole connection, to its end. @throws {Error} If it could never be written to. */
async function meet(
  dialer: TlsDialer,
  onOpen: (socket: TLSSocket) => void = () => undefined,
): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = dialer.dial(resolve);
  socket.on('error', reject);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const opened = await promise;
  opened.resume();
  onOpen(opened);
  await closed;
  return opened;
}

test('the server is told the name it is to have and the protocols that are offered', async (t) => {
  const ca = makeCa(t);
  const { port, met } = await greeter(t, ca.issue(['DNS:dns.example', 'IP:127.0.0.1']));
  const named = dialerTo(port, `name=dns.example&ca=${ca.certFile}`, ['h2']);
  t.equal(named.dialer.name, named.name);
  t.equal((await meet(named.dialer)).alpnProtocol, 'h2');
  await meet(dialerTo(port, `ca=${ca.certFile}`).dialer);
  t.same(met, [
    { name: 'dns.example', protocol: 'h2', resumed: false },
    { name: false, protocol: false, resumed: false },
  ]);
});

test('a server that is not who it should be is never opened, however often it is met (U5)', async (t) => {
  const ca = makeCa(t);
  const cases: [Identity, string][] = [
    [ca.issue(['DNS:evil.example']), 'is for another name'],
    [makeCa(t, 'Other CA').issue(['DNS:dns.example']), 'is not trusted'],
  ];
  for (const [identity, problem] of cases) {
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      const { port, met } = await greeter(t, identity, { maxVersion });
      const { dialer, name } = dialerTo(port, `name=dns.example&ca=${ca.certFile}`);
      for (let i = 0; i < 2; i++) {
        await t.rejects(meet(dialer), {
          name: 'UpstreamError',
          reason: 'untrusted',
          message: new RegExp(`^certificate of ${name.replace('?', '\\?')} ${problem}`),
        });
      }
      t.notOk(
        met.some(({ resumed }) => resumed),
        'no session of it is resumed',
      );
    }
  }
});

test('a CA file that could never be read is the error of each dial, until it can be (U5)', async (t) => {
  const ca = makeCa(t);
  const { port } = await greeter(t, ca.issue(['IP:127.0.0.1']));
  const file = join(ca.folder, 'late.pem');
  const { dialer, clock, name } = dialerTo(port, `ca=${file}`);
  t.equal(dialer.generation, 0);
  await t.rejects(meet(dialer), {
    name: 'UpstreamError',
    reason: 'untrusted',
    message: new RegExp(`^${name.replace('?', '\\?')}: ENOENT: .*${file}'$`),
  });
  copyFileSync(ca.certFile, file);
  await clock.advance(1_000);
  t.equal(dialer.generation, 1);
  await meet(dialer);
  rmSync(file);
  await clock.advance(1_000);
  t.equal(dialer.generation, 1, 'what was believed is not given up for a file that is gone');
});

test('a session is resumed for less than an hour, and never across a change of the CA file (U5)', async (t) => {
  const ca = makeCa(t);
  const identity = ca.issue(['IP:127.0.0.1']);
  for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
    const file = join(ca.folder, `${maxVersion}.pem`);
    copyFileSync(ca.certFile, file);
    const { port, met } = await greeter(t, identity, { maxVersion });
    const { dialer, clock } = dialerTo(port, `ca=${file}`);
    await meet(dialer);
    await clock.advance(3_600_000);
    await meet(dialer);
    await clock.advance(3_599_999);
    await meet(dialer);
    await clock.advance(1);
    await meet(dialer);
    t.same(
      met.splice(0).map(({ resumed }) => resumed),
      [false, false, true, false],
      `${maxVersion}: nor does one that was resumed begin anew`,
    );
    writeFileSync(file, `${ca.cert}${ca.cert}`);
    await clock.advance(1_000);
    await meet(dialer);
    await meet(dialer);
    t.same(
      met.map(({ resumed }) => resumed),
      [false, true],
      maxVersion,
    );
  }
});

test('a server that forgot the session and shows its certificate is believed for another hour (U5)', async (t) => {
  const ca = makeCa(t);
  const { port, met, forget } = await greeter(t, ca.issue(['IP:127.0.0.1']));
  const { dialer, clock } = dialerTo(port, `ca=${ca.certFile}`);
  await meet(dialer);
  await clock.advance(1_800_000);
  forget();
  await meet(dialer);
  await clock.advance(3_599_999);
  await meet(dialer);
  t.same(
    met.map(({ resumed }) => resumed),
    [false, false, true],
  );
});

test('a session that is renewed each time it is resumed ends an hour after the first (U5)', async (t) => {
  const ca = makeCa(t);
  const port = await renewer(t, ca.issue(['IP:127.0.0.1']));
  const { dialer, clock } = dialerTo(port, `ca=${ca.certFile}`);
  const resumed: boolean[] = [];
  for (const span of [0, 1_800_000, 1_799_999, 1, 1_800_000]) {
    await clock.advance(span);
    await meet(dialer, (socket) => {
      resumed.push(socket.isSessionReused());
      socket.write('GET / HTTP/1.0\r\n\r\n');
    });
  }
  t.same(resumed, [false, true, true, false, true]);
});

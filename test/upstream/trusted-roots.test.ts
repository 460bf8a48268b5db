import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect, createServer, type SecureContext, type TlsOptions } from 'node:tls';
import { type Test, test } from 'tap';
import { readRoots, TrustedRoots } from '../../src/upstream/trusted-roots.ts';
import { HandClock } from '../support/hand-clock.ts';
import { type Identity, makeCa } from './certificates.ts';

/** Whether a server is believed that shows `identity`. @throws {Error} If no handshake comes about. */
async function believes(
  t: Test,
  context: SecureContext,
  { key, cert }: Identity,
  options: TlsOptions = {},
): Promise<boolean> {
  const server = createServer({ key, cert, ...options }, (socket) => socket.resume());
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, secureContext: context, rejectUnauthorized: false });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket.authorized;
}

test('what is below a CA of the file is believed, nothing else, and nothing over TLS 1.1 (U5)', async (t) => {
  const ca = makeCa(t);
  const mine = ca.issue(['DNS:localhost']);
  const theirs = makeCa(t, 'Other CA').issue(['DNS:localhost']);
  const { context } = new TrustedRoots(ca.certFile, new HandClock()).current();
  t.equal(await believes(t, context, mine), true);
  t.equal(await believes(t, context, theirs), false);
  const old: TlsOptions = {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  };
  await t.rejects(believes(t, context, mine, old));
});

test('without a file those count that come with Node, once and for all', async (t) => {
  const clock = new HandClock();
  const roots = new TrustedRoots(undefined, clock);
  const first = roots.current();
  t.equal(first.generation, 1);
  await clock.advance(10_000);
  t.equal(roots.current(), first);
  t.equal(await believes(t, first.context, makeCa(t).issue(['DNS:localhost'])), false);
});

test('a CA file that cannot be used is an error that names it', (t) => {
  const { folder, cert } = makeCa(t);
  const file = join(folder, 'x.pem');
  t.throws(() => readRoots(file), new Error(`cannot read CA file, ENOENT: ${file}`));
  writeFileSync(file, 'nothing');
  t.throws(() => readRoots(file), new Error(`no certificate in CA file: ${file}`));
  writeFileSync(file, cert + cert.replace(/\n.{40}/, '\nAAAA'));
  t.throws(() => readRoots(file), new Error(`broken certificate 2 in CA file: ${file}`));
  writeFileSync(file, `comment\n${cert}\n${cert}`);
  t.equal(readRoots(file).length, 2);
  const roots = new TrustedRoots(join(folder, 'none'), new HandClock());
  for (let i = 0; i < 2; i++) t.throws(() => roots.current(), /ENOENT/, 'each time');
  t.end();
});

test('the file is looked at each second; what cannot be read changes nothing', async (t) => {
  const { folder, cert } = makeCa(t);
  const other = makeCa(t, 'Other CA');
  const file = join(folder, 'x.pem');
  writeFileSync(file, cert);
  const clock = new HandClock();
  const roots = new TrustedRoots(file, clock);
  const first = roots.current();
  t.equal(first.generation, 1);
  await clock.advance(1_000);
  t.equal(roots.current(), first, 'unchanged');
  rmSync(file);
  await clock.advance(1_000);
  t.equal(roots.current(), first, 'gone');
  writeFileSync(`${file}.new`, other.cert);
  renameSync(`${file}.new`, file);
  await clock.advance(999);
  t.equal(roots.current(), first, 'not looked at yet');
  await clock.advance(1);
  t.equal(roots.current().generation, first.generation + 1, 'replaced');
});

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { monotonicClock } from '../../src/clock.ts';
import { askServer } from '../../src/commands/query/ask-server.ts';
import { noFaults } from '../../src/demo/cluster-faults.ts';
import { RrClass, RrType } from '../../src/wire/codes.ts';
import { buildQuery } from '../../src/wire/request.ts';
import type { RunningSidestub } from '../observe/running-sidestub.ts';
import { replaceFile } from '../support/replace-file.ts';

/** What {@link everyKindOfTraffic} counts on. */
export const TRAFFIC_SETTINGS = {
  search: { pin: ['packages.example.com'] },
  cache: { maxTtl: '1s' },
  tcp: { maxConnectionsPerClient: 1 },
};

const ROUND_TRIP = 5;

/**
 * Meets a running sidestub with everything that its metrics tell of: walks of each outcome, pins, families that fail,
 * datagrams that get lost, an upstream that is silent for some seconds, clients that ask strange things, reloads.
 *
 * @param folder - Where its configuration file is.
 */
export async function everyKindOfTraffic(sidestub: RunningSidestub, folder: string): Promise<void> {
  const { cluster, lookup } = sidestub;
  const withFaults = async (faults: object, ...names: string[]): Promise<void> => {
    Object.assign(cluster.faults, faults);
    for (const name of names) await lookup(name);
    Object.assign(cluster.faults, noFaults(), { delay: ROUND_TRIP });
  };
  for (const name of [
    'git.example.com',
    'git.example.com',
    'packages.example.com',
    'nginx',
    'gone.example.com',
  ]) {
    await lookup(name);
  }
  await withFaults({ aaaa: 'nxdomain' }, 'wiki.corp.example.');
  await withFaults(
    { missing: [{ suffix: 'corp.example.', a: 'nodata', aaaa: 'nodata' }] },
    'moved.example.com',
  );
  await withFaults({ dropNext: 3 }, 'lost.example.com');
  await strangers(sidestub);
  await crowd(sidestub);
  await reloads(sidestub, folder);
  // Behind the reloads: what is left of the names that were asked first is past its TTL by now.
  await withFaults(
    { silentUntil: Number.POSITIVE_INFINITY },
    'git.example.com',
    'silent.corp.example.',
  );
}

/** Over TCP, two at once, of other types, and what is no question. */
async function strangers({ dns }: RunningSidestub): Promise<void> {
  const ask = (qname: string, qtype: number, transport: 'udp' | 'tcp' = 'udp') =>
    askServer({
      server: dns,
      question: { qname, qtype, qclass: RrClass.IN },
      transport,
      timeout: 6_000,
      clock: monotonicClock,
    });
  await ask('git.example.com.', RrType.A, 'tcp');
  await Promise.all([ask('both.example.com.', RrType.TXT), ask('both.example.com.', RrType.TXT)]);
  const socket = createSocket('udp4');
  socket.connect(dns.port, dns.address);
  await once(socket, 'connect');
  const question = { qname: 'git.example.com.', qtype: RrType.A, qclass: RrClass.IN };
  const response = buildQuery(question, { id: 1, checkingDisabled: false, edns: undefined });
  response[2] = (response[2] ?? 0) | 0x80; // QR
  socket.send(response);
  socket.send(Buffer.from('not DNS'));
  const notify = buildQuery(question, { id: 2, checkingDisabled: false, edns: undefined });
  notify[2] = 4 << 3; // opcode NOTIFY
  socket.send(notify);
  await once(socket, 'message');
  socket.close();
}

/** More connections than one client may have: somebody has to go (S1). */
async function crowd({ dns }: RunningSidestub): Promise<void> {
  const sockets = [1, 2].map(() => connect(dns.port, dns.address).on('error', () => undefined));
  await Promise.race(sockets.map((socket) => once(socket.resume(), 'close')));
  for (const socket of sockets) socket.destroy();
}

/** One that is refused, and one that is not. */
async function reloads({ reload, event }: RunningSidestub, folder: string): Promise<void> {
  const path = join(folder, 'sidestub.yaml');
  const good = readFileSync(path, 'utf8');
  replaceFile(path, '{"search": {"mode": "guess"}}');
  reload();
  await event('reload_refused');
  replaceFile(path, good);
  reload();
  await event('reloaded');
}

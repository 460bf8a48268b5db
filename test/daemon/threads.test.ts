// `threads: N` as it runs: a process with several threads on one address, clients with addresses of their own.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'tap';
import type { Endpoint } from '../../src/endpoint.ts';
import { batchSupport } from '../../src/listen/batch-support.ts';
import { RrType } from '../../src/wire/codes.ts';
import { startSidestub } from '../observe/running-sidestub.ts';
import { queryOctets } from '../support/messages.ts';

const support = batchSupport();
const skip = 'libc' in support ? false : `no batches here: ${support.reason}`;
const settings = { threads: 2, rehearsal: false };
/** One for each thread: the kernel chooses by the address. */
const CLIENTS = ['127.0.0.2', '127.0.0.3'];

/** Asks once from a port of its own. @returns The RCODE. */
async function ask(server: Endpoint, client: string, name: string): Promise<number> {
  const socket = createSocket('udp4');
  try {
    socket.bind(0, client);
    await once(socket, 'listening');
    socket.send(queryOctets(name, RrType.A), server.port, server.address);
    const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })) as [
      Buffer,
    ];
    return (reply[3] ?? 0) & 15;
  } finally {
    socket.close();
  }
}

async function queriesIn(url: string): Promise<number> {
  const body = await (await fetch(`${url}/metrics`)).text();
  const found = /^sidestub_queries_total\{transport="udp",type="A"\} (\d+)$/m.exec(body);
  return Number(found?.[1]);
}

test('two threads: each has a cache of its own, a scrape tells of both', { skip }, async (t) => {
  const { dns, url, cluster, stop, reload, event } = await startSidestub(t, { settings });
  const asked = () =>
    cluster.asked.filter(({ qname, qtype }) => qname === 'git.example.com.' && qtype === RrType.A)
      .length;
  const before = await queriesIn(url);
  for (const client of CLIENTS) {
    for (let i = 0; i < 5; i++) t.equal(await ask(dns, client, 'git.example.com'), 0);
  }
  t.equal(asked(), 2, 'one question upstream for each thread');
  t.equal((await queriesIn(url)) - before, 10, 'no query is counted twice, or not at all');

  reload();
  await event('reloaded');
  for (const client of CLIENTS) t.equal(await ask(dns, client, 'git.example.com'), 0, client);

  const waiting = CLIENTS.map((client) => ask(dns, client, 'other.example.com'));
  const { code, stderr } = await stop();
  t.ok((await Promise.all(waiting)).every((rcode) => rcode === 0 || rcode === 3));
  t.equal(code, 0);
  t.equal(stderr, '');
});

test('an address that is taken ends the start, in words', { skip }, async (t) => {
  const taken = createSocket('udp4');
  t.teardown(() => taken.close());
  taken.bind(0, '127.0.0.1');
  await once(taken, 'listening');
  const listen = { addresses: [`127.0.0.1:${taken.address().port}`] };
  await t.rejects(startSidestub(t, { settings: { ...settings, listen } }), { message: /in use/ });
});

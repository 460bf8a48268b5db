// A daemon with many answers, as it runs: each of its threads has huge pages behind its own.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Test, test } from 'tap';
import { WORTH_IT } from '../../../src/daemon/huge-pages.ts';
import { batchSupport } from '../../../src/listen/batch-support.ts';
import { RrType } from '../../../src/wire/codes.ts';
import { renderReply } from '../../../src/wire/render.ts';
import { readRequest } from '../../../src/wire/request.ts';
import { canCollapse, hugePages } from '../../support/huge-pages.ts';
import { message, queryOctets, record } from '../../support/messages.ts';
import { start } from '../started.ts';

/** Few large answers fill the memory as well as many small ones. */
const TEXT = new Uint8Array(1_020).fill(0x61).map((octet, at) => (at % 255 === 0 ? 254 : octet));
const NAMES = Math.ceil(WORTH_IT / TEXT.length);
/** Fewer than a socket's buffer holds. */
const AT_ONCE = 50;
const support = batchSupport();

for (const { name, threads, client } of [
  { name: 'a daemon', threads: 1, client: '127.0.0.2' },
  // The kernel chooses the thread by the client's address.
  { name: 'its second thread', threads: 2, client: '127.0.0.3' },
]) {
  test(`${name} with many answers has huge pages`, { skip: skipReason() }, async (t) => {
    const upstream = await startUpstream(t);
    const folder = t.testdir({
      'config.yaml': `threads: ${threads}\nrehearsal: false\nstatus:\n  address: off\ncache:\n  octets: 64MiB\n`,
      'resolv.conf': 'nameserver 127.0.0.1\n',
    });
    const { child, printed } = start(t, [
      ...['run', '--config', join(folder, 'config.yaml')],
      ...['--resolv-conf', join(folder, 'resolv.conf')],
      ...['--listen', '127.0.0.1:0', '--upstream', upstream],
    ]);
    const [, port = ''] = /"127\.0\.0\.1:(\d+)"/.exec(await printed(/"listening"/)) ?? [];
    const pid = child.pid ?? 0;
    t.equal(hugePages(pid), 0, 'an empty cache has none');
    await askAll(t, client, Number(port));
    for (let i = 0; i < 200 && hugePages(pid) === 0; i++) await wait(100);
    t.ok(hugePages(pid) > 0, 'one a second');
  });
}

function skipReason(): string | false {
  if ('reason' in support) return `no batches here: ${support.reason}`;
  return canCollapse() ? false : 'this kernel has no huge pages for us';
}

/** A server that answers every question with a long text. @returns Its address. */
async function startUpstream(t: Test): Promise<string> {
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  socket.on('message', (octets, { port, address }) => {
    const request = readRequest(octets);
    const answer = message({ answer: [record(request.question.qname, RrType.TXT, TEXT)] });
    socket.send(renderReply(request, answer, { age: 0, limit: 1_232 }), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return `127.0.0.1:${socket.address().port}`;
}

/** Asks for {@link NAMES} names, each until it has been answered. */
async function askAll(t: Test, client: string, port: number): Promise<void> {
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  const waiting = new Map<number, Uint8Array>();
  const send = (query: Uint8Array): void => socket.send(query, port, '127.0.0.1');
  let asked = 0;
  const ended = Promise.withResolvers<void>();
  const askMore = (): void => {
    while (asked < NAMES && waiting.size < AT_ONCE) {
      const query = queryOctets(`n${asked}.example`, RrType.TXT, {
        id: asked++,
        edns: { dnssecOk: false },
      });
      waiting.set(asked - 1, query);
      send(query);
    }
    if (waiting.size === 0) ended.resolve();
  };
  socket.on('message', (reply) => {
    waiting.delete(reply.readUInt16BE());
    askMore();
  });
  socket.bind(0, client);
  await once(socket, 'listening');
  const again = setInterval(() => waiting.forEach(send), 1_000);
  askMore();
  await ended.promise;
  clearInterval(again);
}

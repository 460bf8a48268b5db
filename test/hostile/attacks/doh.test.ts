import type { ServerResponse } from 'node:http';
import { test } from 'tap';
import { Rcode, RrClass, RrType } from '../../../src/wire/codes.ts';
import { readRequest } from '../../../src/wire/request.ts';
import { nodata } from '../../support/messages.ts';
import { makeCa } from '../../upstream/certificates.ts';
import { answer, http1Server } from '../../upstream/http1-server.ts';
import { startLag, udpClient } from '../clients.ts';
import { DOH_FAULTS } from '../doh-upstream.ts';
import { startWorld } from '../hostile-daemon.ts';
import { addressOf, truthAbout } from '../hostile-upstream.ts';
import { askOverDoh, startDohWorld } from '../stories/doh.ts';
import { untilDescriptors } from '../stories/packets.ts';

test('a DoH server that spoils half of its responses: three requests a question, the first good one counts, nothing freezes', async (t) => {
  for (const method of ['post', 'get'] as const) {
    const parts = await startDohWorld(t, method);
    for (const fault of DOH_FAULTS) {
      for (const early of [false, true]) {
        const what = `${method}, ${fault}${early ? ', before the body has come' : ''}`;
        const lag = startLag(await udpClient(t, parts.world.dns));
        const told = await askOverDoh(t, parts, { fault, early, seconds: 0.1 });
        t.match(told, { wrong: 0, denied: 0, health: 'well' }, what);
        t.ok(told.answered > 0, 'some are answered');
        t.ok(told.most <= 3, 'RFC 9520 §3.1');
        // Each name costs its A, and AAAA beside it.
        t.ok(told.requests <= 6 * told.questions, `${told.requests} of ${told.questions}`);
        const limit = 4_500 + 500 + 10 * (await lag.stop());
        t.ok(told.slowest < limit, `${told.slowest} ms, at most ${limit}`);
      }
    }
  }
});

/** What an HTTP/1.1 server does in place of an answer, by a word in the name that is asked for. */
const SPOILS: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  stall: () => undefined,
  reset: (response) => response.socket?.destroy(),
  status: (response) => response.writeHead(500).end(),
  headers: (response) => response.writeHead(200, { x: 'x'.repeat(20_000) }).end(),
  large: (response) => response.end(Buffer.alloc(1_000_000)),
};

const kindOf = (qname: string): string => /^n\d+-(\w+)\./.exec(qname)?.[1] ?? '';

test('a DoH server of HTTP/1.1 that stalls, resets, fails and says too much: what it answers is answered, and no connection is left', async (t) => {
  for (const method of ['post', 'get'] as const) {
    const ca = makeCa(t);
    const sends = new Map<string, number>();
    const server = await http1Server(t, ca.issue(['IP:127.0.0.1']), ({ query }, response) => {
      const { qname, qtype } = readRequest(query).question;
      const name = `${qname} ${qtype}`;
      sends.set(name, (sends.get(name) ?? 0) + 1);
      const spoil = SPOILS[kindOf(qname)];
      if (spoil !== undefined) {
        spoil(response);
        return;
      }
      const isA = qtype === RrType.A;
      const word = isA ? truthAbout({ qname, qtype, qclass: RrClass.IN }) : nodata('example.');
      const headers = kindOf(qname) === 'close' ? { connection: 'close' } : undefined;
      answer(response, query, headers, word);
    });
    const url = `https://127.0.0.1:${server.port}/dns-query?ca=${ca.certFile}&method=${method}`;
    const world = await startWorld(t, { compiled: true, upstreams: [url] });
    const client = await udpClient(t, world.dns);
    const lag = startLag(await udpClient(t, world.dns));
    const before = world.descriptors();
    const kinds = ['well', 'close', ...Object.keys(SPOILS), 'well', 'close'];
    // Three of each but for one that stalls: its two families take four of the eight connections, and others wait for
    // none that it holds. On a busy machine they would wait past their deadline.
    const names = [...kinds, ...kinds, ...kinds]
      .filter((kind, i) => kind !== 'stall' || i < kinds.length)
      .map((kind, i) => `n${i}-${kind}.example.`);
    const told = await Promise.all(
      names.map(async (qname) => {
        const { response, took } = await client.ask(qname);
        const { rcode, answer: records } = response.message;
        if (kindOf(qname) in SPOILS) t.equal(rcode, Rcode.SERVFAIL, qname);
        else t.equal(records[0]?.rdata.join('.'), addressOf(qname), qname);
        return took;
      }),
    );
    // U2's deadline, the wait for the other family after it (F5), and what this machine adds to each timer and reply.
    const limit = 4_500 + 700 + 10 * (await lag.stop());
    t.ok(Math.max(...told) < limit, `${Math.max(...told)} ms, at most ${limit}`);
    // The daemon's own probes of the root are questions of their own each time. So is each of the two for AAAA, which no
    // client asks for here: the daemon does, once A has been silent for 700 ms, and again if it fails (F5).
    const most = (name: string) => (name.endsWith(` ${RrType.AAAA}`) ? 2 * 3 : 3);
    const tooOften = [...sends].filter(
      ([name, count]) => !name.startsWith('. ') && count > most(name),
    );
    t.same(tooOften, [], 'RFC 9520 §3.1');
    // What rests is closed after 5 s.
    const late = performance.now() + 10_000;
    const isLate = () => performance.now() > late;
    while (server.connections.some(({ destroyed }) => !destroyed) && !isLate())
      await new Promise((resolve) => setTimeout(resolve, 50));
    t.equal(server.connections.filter(({ destroyed }) => !destroyed).length, 0, 'no connection');
    t.ok((await untilDescriptors(world, before)) <= before, 'no descriptor');
    t.equal(await world.health(), 'well');
  }
});

import { test } from 'tap';
import type { SocketListener } from '../../src/walk/ask-socket.ts';
import { tellingTransport, withQuestion } from '../../src/walk/telling-transport.ts';
import { RrType } from '../../src/wire/codes.ts';
import { optRecord, SOURCE_INFO } from '../../src/wire/edns.ts';
import { renderReply } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';
import { a, message, queryOctets, request } from '../support/messages.ts';

const NAME = 'git.example.com.';
const PEER = { address: '127.0.0.1', port: 53 };

test('a query without OPT gets one, with the size that its client would take', (t) => {
  const { edns, question } = readRequest(withQuestion(queryOctets(NAME)));
  t.match(edns, { asksSource: true, udpOctets: 512, dnssecOk: false });
  t.equal(question.qname, NAME);
  t.end();
});

test('a query with OPT keeps its own, with the option in it', (t) => {
  const { edns, header } = readRequest(
    withQuestion(queryOctets(NAME, RrType.A, { edns: { dnssecOk: true } })),
  );
  t.match(edns, { asksSource: true, udpOctets: 1232, dnssecOk: true });
  t.equal(header.arcount, 1);
  t.end();
});

test('what a reply says of its source is noted, and the reply goes on as it is', (t) => {
  const noted: string[] = [];
  const heard: Uint8Array[] = [];
  let inner: SocketListener | undefined;
  const sent: Uint8Array[] = [];
  const socket = { send: (octets: Uint8Array) => void sent.push(octets), close: () => undefined };
  const open = (listener: SocketListener) => {
    inner = listener;
    return socket;
  };
  const transport = tellingTransport({ udp: open, tcp: open }, (...told) =>
    noted.push(told.join(' ')),
  );
  const listener = {
    onMessage: (octets: Uint8Array) => void heard.push(octets),
    onClosed: () => undefined,
  };
  transport.udp(listener, PEER).send(queryOctets(NAME), PEER);
  t.equal(readRequest(sent[0] ?? new Uint8Array(0)).edns?.asksSource, true);
  const asked = request(NAME, RrType.A, { edns: { dnssecOk: false } });
  const said = message({ answer: [a(NAME, '192.0.2.1')] });
  const ede = { code: SOURCE_INFO, text: 'cache' };
  const telling = renderReply(asked, said, { age: 0, limit: 512, ede });
  const other = renderReply(asked, said, { age: 0, limit: 512, ede: { code: 0, text: 'cut' } });
  const replies = [telling, other, Uint8Array.of(1, 2, 3), telling.subarray(0, telling.length - 3)];
  for (const octets of replies) inner?.onMessage(octets, PEER);
  t.same(noted, [`${NAME} 1 cache`], 'not another EDE, and nothing that cannot be read');
  t.equal(heard.length, 4, 'a client judges each by itself');
  t.same(heard[0], telling);
  t.equal(optRecord({ rcode: 0, dnssecOk: false }).length, 11, 'an OPT of ours has no options');
  t.end();
});

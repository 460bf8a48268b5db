import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import type { Milliseconds } from '../../src/clock.ts';
import { httpsTransport } from '../../src/upstream/https-exchange.ts';
import type { Reply } from '../../src/upstream/reply.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { putUint16, uint16 } from '../../src/wire/header.ts';
import { readRequest } from '../../src/wire/request.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { a, message, responseOctets } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { makeCa } from './certificates.ts';
import { outgoing } from './loopback.ts';
import { type ScriptedClient, type ScriptedRequest, scriptedConnect } from './scripted-client.ts';

const truth = message({ answer: [a('api.example.', '192.0.2.1')] });
const NAME = 'https://192.0.2.53:443/dns-query';

/** A transport whose HTTP clients the test plays. */
function setup(t: Test, parameters = '') {
  const address = parseServerAddress(`https://192.0.2.53/dns-query${parameters}`);
  if (address.transport !== 'https') throw new Error('not https');
  const { clients, origins, connect } = scriptedConnect();
  const clock = new HandClock();
  const tallies = createUpstreamTallies();
  const transport = httpsTransport(address, clock, tallies, connect);
  /** Sends a question, which may be sent `spare` times more; `heard` fills as things come of it. */
  const ask = async (question = outgoing('api.example.'), edns = true, spare = 2) => {
    const heard: { replies: Reply[]; errors: Error[] } = { replies: [], errors: [] };
    let left = spare;
    const exchange = transport.send(question, edns, {
      takeSend: () => left-- > 0,
      onReply: (reply) => heard.replies.push(reply),
      onFailure: (error) => heard.errors.push(error),
    });
    await settle();
    return { ...heard, close: () => exchange.close() };
  };
  const client = (n = 0): ScriptedClient => {
    const made = clients[n];
    if (made === undefined) throw new Error(`no client: ${n}`);
    return made;
  };
  /** The n-th client is used until `span` is over, and then no more. */
  const losesAfter = async (span: Milliseconds, n: number) => {
    await clock.advance(span - 1);
    t.equal(client(n).isClosed, false);
    await clock.advance(1);
    t.equal(client(n).isClosed, true);
  };
  const sends = () => tallies.sends.get('https');
  return { transport, clock, tallies, clients, origins, ask, client, losesAfter, sends };
}

test('a question is posted with ID 0, padded, as it was asked (RFC 8484 §4.1, RFC 8467)', async (t) => {
  const { origins, ask, client, sends } = setup(t);
  await ask({ ...outgoing('api.example.'), dnssecOk: true, checkingDisabled: true });
  await ask(outgoing('api.example.'), false);
  const [whole, bare] = client().requests;
  t.match(whole?.options, {
    method: 'POST',
    path: /^\/dns-query$/,
    headers: { accept: /^application\/dns-message$/, 'content-type': /^application\/dns-message$/ },
  });
  const octets = whole?.query ?? new Uint8Array(0);
  t.same([uint16(octets, 0), octets.length], [0, 128]);
  const { header, edns } = readRequest(octets);
  t.match(edns, { dnssecOk: true });
  t.equal(header.flags & 0x10, 0x10, 'CD');
  const question = 12 + 13 + 4;
  t.equal(bare?.query.length, question, 'without EDNS there is no place for padding');
  t.same(origins, ['https://192.0.2.53'], 'over one client');
  t.equal(sends(), 2);
});

test('GET has the same octets in its path, and no body (RFC 8484 §4.1)', async (t) => {
  const get = setup(t, '?method=get');
  const post = setup(t);
  await get.ask();
  await post.ask();
  const { options } = get.client().nth(0);
  t.equal(options.method, 'GET');
  t.same(options.headers, { accept: 'application/dns-message' });
  t.equal(options.body, undefined);
  const dns = Buffer.from(post.client().nth(0).query).toString('base64url');
  t.equal(options.path, `/dns-query?dns=${dns}`);
});

test('an answer reaches who asked, once', async (t) => {
  const { clock, ask, client } = setup(t);
  const first = await ask();
  const second = await ask();
  await client().nth(1).answer(truth);
  t.match([first.replies.length, second.replies], [0, [{ message: truth }]]);
  t.ok(client().nth(1).isAborted, 'nothing of it is waited for');
  second.close();
  await client().nth(0).answer(truth);
  t.match([first.replies.length, second.replies.length], [1, 1]);
  t.equal(clock.timers, 0);
});

test('any 2xx is an answer, nothing else is, whatever its body says (RFC 8484 §4.2.1)', async (t) => {
  for (const [status, isAnswer] of [
    [199, false],
    [200, true],
    [299, true],
    [300, false],
    [503, false],
  ] as const) {
    const { ask, client, sends } = setup(t);
    const { replies, errors } = await ask(outgoing('api.example.'), true, 0);
    await client().nth(0).answer(truth, { status });
    t.equal(replies.length, isAnswer ? 1 : 0, `${status}`);
    if (isAnswer) continue;
    t.match(errors, [{ reason: 'refused' }]);
    t.equal(errors[0]?.message, `${NAME} answered HTTP ${status}`);
    t.equal(sends(), 1);
  }
});

test('an answer has the media type of one, whatever its case and parameters (RFC 8484 §6)', async (t) => {
  const types: [string | undefined, boolean][] = [
    ['application/dns-message', true],
    ['Application/DNS-Message; charset=x', true],
    ['application/dns-message ;x=y', true],
    ['application/dns-messages', false],
    ['application/dns-message x', false],
    ['xapplication/dns-message', false],
    ['text/html', false],
    [undefined, false],
  ];
  for (const [type, isAnswer] of types) {
    const { ask, client, tallies } = setup(t);
    const { replies, errors } = await ask(outgoing('api.example.'), true, 0);
    await client()
      .nth(0)
      .answer(truth, { headers: { 'content-type': type } });
    t.equal(replies.length, isAnswer ? 1 : 0, `${type}`);
    t.equal(errors[0]?.message, isAnswer ? undefined : `malformed https reply from ${NAME}`);
    t.equal(tallies.malformed.value + tallies.mismatched.value, 0);
  }
});

test('what is no answer to the question fails it, and is counted (U3)', async (t) => {
  for (const kind of ['mismatched', 'malformed'] as const) {
    const { ask, client, tallies, sends } = setup(t);
    const { errors } = await ask(outgoing('api.example.'), true, 0);
    const request = client().nth(0);
    const octets = responseOctets(request.query, truth);
    putUint16(octets, kind === 'malformed' ? 6 : 0, 40);
    await request.answerWith(octets);
    t.match(errors, [{ reason: 'malformed', message: `malformed https reply from ${NAME}` }]);
    t.match([tallies[kind].value, tallies.malformed.value + tallies.mismatched.value], [1, 1]);
    t.equal(sends(), 1);
  }
});

test('Age is whole seconds, and comes off the TTLs of every section (RFC 9111 §5.1)', async (t) => {
  const rr = a('api.example.', '192.0.2.1', 60);
  const word = message({ answer: [rr], authority: [rr], additional: [rr] });
  const ages: [string | undefined, number][] = [
    ['25', 35],
    ['60', 0],
    ['61', 0],
    ['4294967296', 0],
    ['0', 60],
    ['12345678901', 60],
    ['25x', 60],
    ['x25', 60],
    ['', 60],
    [undefined, 60],
  ];
  for (const [age, ttl] of ages) {
    const { ask, client } = setup(t);
    const { replies } = await ask();
    await client().nth(0).answer(word, { headers: { age } });
    const { answer = [], authority = [], additional = [] } = replies[0]?.message ?? {};
    const ttls = [...answer, ...authority, ...additional].map((each) => each.ttl);
    t.same(ttls, [ttl, ttl, ttl], `Age: ${age}`);
  }
});

test('what waits is bounded: one more fails, later, and is not sent (S1)', async (t) => {
  const { ask, client, transport, sends } = setup(t);
  const waiting = await Promise.all(Array.from({ length: 4_096 }, () => ask()));
  let told: Error | undefined;
  transport.send(outgoing('api.example.'), true, {
    onReply: () => undefined,
    onFailure: (error) => {
      told = error;
    },
  });
  t.equal(told, undefined, 'nothing before send returns');
  await settle();
  t.match(told, { reason: 'full', message: `https questions waiting for ${NAME}: 4096` });
  t.equal(sends(), 4_096);
  waiting[0]?.close();
  await ask();
  t.equal(sends(), 4_097, 'who gives up makes room');
  t.equal(client().requests.length, 4_097);
});

test('what may pass is asked again as often as the question may be sent, no more (RFC 9520 §3.1)', async (t) => {
  const spoil: Record<string, (request: ScriptedRequest) => Promise<void>> = {
    lost: (request) => request.lose(),
    'HTTP 500': (request) => request.answer(truth, { status: 500 }),
    'HTTP 599': (request) => request.answer(truth, { status: 599 }),
    unreadable: (request) => request.answerWith(new Uint8Array(40).fill(0xff)),
    'of another type': (request) =>
      request.answer(truth, { headers: { 'content-type': 'text/html' } }),
  };
  for (const [how, end] of Object.entries(spoil)) {
    for (const spare of [0, 1, 2]) {
      const { ask, client, sends } = setup(t);
      const { errors } = await ask(outgoing('api.example.'), true, spare);
      for (let n = 0; n <= spare; n++) {
        t.equal(errors.length, 0, `${how}, ${spare}`);
        await end(client().nth(n));
      }
      t.equal(errors.length, 1);
      t.equal(sends(), spare + 1);
    }
    const { ask, client, sends } = setup(t);
    const { replies } = await ask();
    await end(client().nth(0));
    await end(client().nth(1));
    await client().nth(2).answer(truth);
    t.equal(replies.length, 1, `${how}: the third counts`);
    t.equal(sends(), 3);
  }
});

test('where nobody counts the sends of a question, it is sent once', async (t) => {
  const { transport, client, sends } = setup(t);
  const errors: Error[] = [];
  transport.send(outgoing('api.example.'), true, {
    onReply: () => t.fail('a reply'),
    onFailure: (error) => errors.push(error),
  });
  await client().nth(0).lose('ECONNRESET');
  t.match(errors, [{ reason: 'network', message: `https socket to ${NAME}: ECONNRESET` }]);
  t.equal(sends(), 1);
});

test('what no second attempt mends fails at once', async (t) => {
  const { ask, client, sends } = setup(t);
  const refused = await ask();
  await client().nth(0).fail('ECONNREFUSED');
  t.match(refused.errors, [
    { reason: 'refused', message: `https socket to ${NAME}: ECONNREFUSED` },
  ]);
  const unknown = await ask();
  await client().nth(1).answer(truth, { status: 404 });
  t.match(unknown.errors, [{ reason: 'refused' }]);
  const bug = new TypeError('a bug');
  const broken = await ask();
  await client().nth(2).failWith(bug);
  t.equal(broken.errors[0], bug, 'goes on to where bugs are reported');
  const odd = await ask();
  await client().nth(3).failWith('ECONNRESET');
  t.match(odd.errors, [{ message: 'https threw: ECONNRESET' }]);
  t.equal(sends(), 4);
});

test('closing the exchange aborts its request, and nothing is heard or asked any more', async (t) => {
  const { clock, ask, client, sends } = setup(t);
  const given = await ask();
  t.equal(client().nth(0).isAborted, false);
  given.close();
  t.equal(client().nth(0).isAborted, true);
  await client().nth(0).lose('ECONNRESET');
  t.match([given.replies.length, given.errors.length, sends()], [0, 0, 1]);
  const endings: ((request: ScriptedRequest) => Promise<void>)[] = [
    (request) => request.lose('ABORT_ERR'),
    (request) => request.answer(truth),
  ];
  for (const [i, end] of endings.entries()) {
    const other = await ask();
    other.close();
    await end(client().nth(i + 1));
    t.match([other.replies.length, other.errors.length], [0, 0]);
  }
  t.equal(clock.timers, 0);
});

test('closing the transport fails what waits, and ends the client', async (t) => {
  const { transport, clock, ask, client } = setup(t);
  const given = await ask();
  const kept = await ask();
  given.close();
  transport.close();
  await settle();
  t.match(kept.errors, [{ reason: 'closed', message: `https to ${NAME} was closed` }]);
  t.equal(given.errors.length, 0);
  t.equal(client().isDestroyed, true);
  t.equal(clock.timers, 0);
});

test('1 s without a word: new questions get another client, what waits is still heard (U1)', async (t) => {
  const { clock, clients, ask, client } = setup(t);
  const slow = await ask();
  await clock.advance(999);
  await ask();
  t.equal(clients.length, 1, 'a question is no word');
  await clock.advance(1);
  t.equal(client(0).isClosed, true, 'as far as nothing waits on it');
  await ask();
  t.equal(clients.length, 2);
  await client(0).nth(0).answer(truth);
  t.equal(slow.replies.length, 1);
});

test('silence counts from the last word, and from the first question after a rest', async (t) => {
  const { clock, clients, ask, client, losesAfter } = setup(t);
  const first = await ask();
  await ask();
  await clock.advance(400);
  await client().nth(0).answer(truth);
  t.equal(first.replies.length, 1);
  await losesAfter(1_000, 0);
  await client().nth(1).answer(truth);
  t.equal(clock.timers, 0, 'nobody waits, nothing is watched');
  await clock.advance(5_000);
  await ask();
  await losesAfter(1_000, 1);
  t.equal(clients.length, 2);
});

test('each further second of silence costs the client of its questions', async (t) => {
  const { clients, ask, losesAfter } = setup(t);
  await ask();
  await losesAfter(1_000, 0);
  await ask();
  await losesAfter(1_000, 1);
  t.equal(clients.length, 2);
});

test('after the CA file has changed, new questions get another client (U5)', async (t) => {
  const ca = makeCa(t);
  const file = join(ca.folder, 'trusted.pem');
  copyFileSync(ca.certFile, file);
  const { clock, clients, ask, client } = setup(t, `?ca=${file}`);
  await ask();
  writeFileSync(file, `${ca.cert}${ca.cert}`);
  await clock.advance(900);
  await ask();
  t.equal(clients.length, 1, 'not looked at yet');
  await client().nth(0).answer(truth);
  await clock.advance(100);
  await ask();
  t.equal(clients.length, 2);
  t.equal(client(0).isClosed, true);
});

import { once } from 'node:events';
import tap, { test } from 'tap';
import { Rcode, RrType } from '../../../src/wire/codes.ts';
import { frame } from '../../../src/wire/frame.ts';
import { Flag, HEADER_OCTETS, putUint16, readHeader, uint16 } from '../../../src/wire/header.ts';
import { readResponse } from '../../../src/wire/message.ts';
import { encodeName } from '../../../src/wire/name.ts';
import {
  a,
  cname,
  message,
  nodata,
  nxdomain,
  queryOctets,
  record,
  recordOctets,
  responseOctets,
} from '../../support/messages.ts';
import { tcpClient, udpClient } from '../clients.ts';
import { sharedWorld, startWorld } from '../hostile-daemon.ts';
import { type Asked, tellTruth, truthAbout } from '../hostile-upstream.ts';
import { OPT_CASES, option, withOpt } from '../opt-cases.ts';

const anew = sharedWorld(tap);

/** The RDATA of types that nobody knows, and of known ones that hold more than they say: octets of every value. */
const EVERY_OCTET = Uint8Array.from({ length: 256 }, (_, i) => i);

/** A query whose question section is these octets. */
function queryWith(
  question: readonly number[],
  { counts = [1, 0, 0, 0], after = new Uint8Array() } = {},
): Uint8Array {
  const octets = new Uint8Array(HEADER_OCTETS + question.length + after.length);
  putUint16(octets, 2, Flag.RD);
  counts.forEach((count, i) => {
    putUint16(octets, 4 + 2 * i, count);
  });
  octets.set(question, HEADER_OCTETS);
  octets.set(after, HEADER_OCTETS + question.length);
  return octets;
}

const A_IN = [0, 1, 0, 1];
const labels = (length: number, count: number) =>
  Array.from({ length: count }, () => [length, ...new Array<number>(length).fill(97)]).flat();

test('RFC 1035 §3.1, §4.1.4, RFC 9267 §2: names end within 255 octets, pointers lead backwards, nothing is read past the end', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  const longest = [...labels(63, 3), ...labels(61, 1), 0];
  t.equal(
    (await client.askOctets(queryWith([...longest, ...A_IN]))).response.message.rcode,
    Rcode.NOERROR,
    '255 octets',
  );
  const broken: readonly (readonly number[])[] = [
    [...labels(63, 3), ...labels(62, 1), 0, ...A_IN],
    [64, ...new Array<number>(64).fill(97), 0, ...A_IN],
    [0xc0, 12, ...A_IN],
    [1, 97, 0xc0, 0x40, ...A_IN],
    [1, 97, 0, 0, 1],
    [63, 97],
  ];
  for (const question of broken) client.send(queryWith(question));
  await client.ask('after.example.');
  t.same(client.strays, [], 'what has no readable question gets no reply');
  await world.takeQuestions();
  // The same from upstream: an owner that points at itself, forwards, and past the end.
  const targets = [-1, 40, 0x3fff];
  world.upstream.script = (asked) => {
    const target = targets[Number(/^p(\d)/.exec(asked.qname)?.[1])];
    if (target === undefined) tellTruth(asked);
    else asked.reply(pointingAt(asked, target));
  };
  for (const index of targets.keys()) {
    const { response } = await client.ask(`p${index}.example.`, RrType.TXT);
    t.equal(response.message.rcode, Rcode.SERVFAIL);
    t.ok((await world.takeQuestions()).length <= 3, 'no retry storm');
  }
});

/** A response whose one owner is a pointer: at itself, or so many octets behind. */
function pointingAt({ octets: query, request }: Asked, target: number): Uint8Array {
  const end = HEADER_OCTETS + request.question.octets.length;
  const at = target === -1 ? end : end + target;
  const record = [0xc0 | ((at >> 8) & 0x3f), at & 0xff, 0, 16, 0, 1, 0, 0, 0, 60, 0, 2, 1, 97];
  const octets = Uint8Array.from([...query.subarray(0, end), ...record]);
  putUint16(octets, 2, 0x8180);
  [1, 1, 0, 0].forEach((count, i) => {
    putUint16(octets, 4 + 2 * i, count);
  });
  return octets;
}

test('RFC 3597 §3, §4: types that nobody knows pass octet for octet, pointers in them and all', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  const rdata = Uint8Array.from([0xc0, 0x0c, ...EVERY_OCTET]);
  world.upstream.script = (asked) =>
    asked.answer(message({ answer: [record(asked.qname, asked.qtype, rdata)] }));
  for (const qtype of [RrType.CAA, RrType.TLSA, RrType.NSEC3, 731, 65_280, 65_534]) {
    const edns = { edns: { dnssecOk: false } };
    for (const when of ['miss', 'hit']) {
      const { response } = await client.ask('opaque.example.', qtype, edns);
      t.same(response.message.answer[0]?.rdata, rdata, `type ${qtype}, ${when}`);
    }
  }
});

test('RFC 4343 §3, §4: names are equal whatever the case of ASCII letters, and each client reads its own case', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  const first = await client.ask('CaSe.eXample.', RrType.TXT);
  const second = await client.ask('cAsE.ExAMPLE.', RrType.TXT);
  t.same(first.response.question?.octets.subarray(0, 14), encodeName('CaSe.eXample.'));
  t.same(second.response.question?.octets.subarray(0, 14), encodeName('cAsE.ExAMPLE.'));
  t.strictSame(await world.takeQuestions(), ['case.example. TXT'], 'one question');
  await client.ask('\\195\\132.example.', RrType.TXT);
  await client.ask('\\227\\132.example.', RrType.TXT);
  t.equal((await world.takeQuestions()).length, 2, 'other octets have no case');
});

test('RFC 5625 §4.4, §6.2: 4096 octets and more come through over UDP from upstream, and TC stays', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  const tcp = await tcpClient(t, world.dns);
  const large = (qname: string) =>
    Array.from({ length: 300 }, (_, i) => a(qname, `198.18.${i >> 8}.${i & 255}`));
  world.upstream.script = (asked) => {
    const said = message({ answer: large(asked.qname) });
    const octets = responseOctets(asked.octets, said);
    t.ok(octets.length > 4_096);
    asked.reply(octets);
  };
  const moved = () => world.metric('sidestub_upstream_tcp_fallbacks_total{cause="truncated"}');
  const before = await moved();
  t.equal((await tcp.ask('large.example.')).response.message.answer.length, 300);
  t.equal(await moved(), before, 'nothing was cut on the way');
  t.ok((await client.ask('large.example.')).response.truncated);
  // What upstream says is cut stays cut, and is nobody else's answer.
  world.upstream.script = (asked) =>
    asked.reply(
      responseOctets(asked.octets, message({ answer: large(asked.qname).slice(0, 3) }), {
        tc: true,
      }),
    );
  t.ok((await tcp.ask('cut.example.')).response.truncated);
});

test('RFC 6604 §3: the RCODE is that of the end of the chain, with the chain', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  world.upstream.script = (asked) =>
    asked.answer({ ...nxdomain('example.'), answer: [cname(asked.qname, 'gone.example.')] });
  for (const when of ['miss', 'hit']) {
    const { response } = await client.ask('alias.example.', RrType.TXT);
    t.equal(response.message.rcode, Rcode.NXDOMAIN, when);
    t.equal(response.message.answer[0]?.type, RrType.CNAME, when);
  }
});

test('RFC 6761 §6.3, §6.4: localhost is the loopback and invalid does not exist, and neither is asked', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  const local = await client.ask('api.localhost.');
  t.same(local.response.message.answer[0]?.rdata, Uint8Array.of(127, 0, 0, 1));
  t.equal((await client.ask('x.invalid.')).response.message.rcode, Rcode.NXDOMAIN);
  t.strictSame(await world.takeQuestions(), []);
});

test('RFC 6891 §6.1.1, §6.1.3, §7: one OPT, version 0, hop by hop; a server that does not know it is asked again without', async (t) => {
  const world = await startWorld(t);
  const client = await udpClient(t, world.dns);
  const plain = queryOctets('two.example.');
  const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
  const twoOpts = Uint8Array.from([...plain, ...opt, ...opt]);
  putUint16(twoOpts, 10, 2);
  t.equal((await client.askOctets(twoOpts)).response.message.rcode, Rcode.FORMERR);
  const versionOne = Uint8Array.from([...plain, ...opt]);
  putUint16(versionOne, 10, 1);
  versionOne[plain.length + 6] = 1;
  const { response } = await client.askOctets(versionOne);
  t.equal(response.message.rcode, Rcode.BADVERS);
  t.equal(response.edns?.version, 0);
  t.equal(
    (await client.ask('plain.example.')).response.edns,
    undefined,
    'who sends none gets none',
  );
  for (const rcode of [Rcode.FORMERR, Rcode.NOTIMP]) {
    await world.takeQuestions();
    world.upstream.script = (asked) => {
      if (asked.request.edns === undefined) tellTruth(asked);
      else asked.reply(responseOctets(asked.octets, message({ rcode }), { edns: false }));
    };
    const answer = await client.ask(`old${rcode}.example.`, RrType.TXT, {
      edns: { dnssecOk: false },
    });
    t.equal(answer.response.message.rcode, Rcode.NOERROR);
    t.ok((await world.takeQuestions()).length <= 2);
  }
});

test('RFC 7766 §6.2.1.1, §7, §8, RFC 9210 §4: queries are pipelined, answered as answers come, cut anywhere; the connection stays', async (t) => {
  const world = await anew();
  const client = await tcpClient(t, world.dns);
  let late: Asked | undefined;
  world.upstream.script = (asked) => {
    if (asked.qname.startsWith('late')) late ??= asked;
    else tellTruth(asked);
    if (asked.qname.startsWith('next') && late !== undefined) setTimeout(tellTruth, 20, late);
  };
  const octets = Buffer.concat(
    ['late', 'soon', 'next'].map((name, id) =>
      frame(queryOctets(`${name}.example.`, RrType.TXT, { id })),
    ),
  );
  client.socket.setNoDelay(true);
  for (let at = 0; at < octets.length; at += 7) {
    client.socket.write(octets.subarray(at, at + 7));
    await new Promise((done) => setImmediate(done));
  }
  while (client.strays.length < 3) await once(client.socket, 'data');
  t.equal(readHeader(client.strays[2] ?? new Uint8Array()).id, 0, 'the late one last');
  t.equal(
    (await client.ask('again.example.')).response.message.rcode,
    Rcode.NOERROR,
    'on the same connection',
  );
});

test('RFC 7828 §3.2.1, RFC 7871 §7.3, RFC 7873 §5.2, RFC 9018: keepalive, client subnets and cookies end here, both ways', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  world.upstream.script = (asked) => {
    const truth = truthAbout({ qname: asked.qname, qtype: asked.qtype, qclass: 1 });
    asked.reply(
      withOpt(
        asked.octets,
        truth,
        Uint8Array.from(OPT_CASES.flatMap(([, options]) => [...options])),
      ),
    );
  };
  const scoped = async (subnet: number) => {
    const query = queryOctets('scoped.example.', RrType.TXT, { edns: { dnssecOk: false } });
    const options = [
      ...option(8, 0, 1, 24, 0, 10, 1, subnet),
      ...option(10, subnet, 2, 3, 4, 5, 6, 7, 8),
      ...option(11),
    ];
    const octets = Uint8Array.from([...query, ...options]);
    putUint16(octets, query.length - 2, options.length);
    return client.askOctets(octets);
  };
  for (const subnet of [1, 2])
    t.equal(uint16((await scoped(subnet)).octets.subarray(-2), 0), 0, 'no options come back');
  const [asked] = world.upstream.asked;
  t.equal(
    (await world.takeQuestions()).length,
    1,
    'an answer without a scope of ours is for everybody',
  );
  t.equal(uint16(asked?.octets.subarray(-2) ?? new Uint8Array(2), 0), 0, 'none go up');
});

test('RFC 8482 §4, RFC 8906 §3: ANY is a type like others, and every question gets an answer', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  world.upstream.script = (asked) =>
    asked.answer(
      message({
        answer: [
          record(asked.qname, RrType.HINFO, Uint8Array.from([7, ...Buffer.from('RFC8482'), 0])),
        ],
      }),
    );
  const { response } = await client.ask('any.example.', 255);
  t.equal(response.message.answer[0]?.type, RrType.HINFO);
  t.strictSame(await world.takeQuestions(), ['any.example. ANY']);
});

test('RFC 9619 §4: a query with another number of questions than one is FORMERR', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  const one = [1, 97, 0, ...A_IN];
  for (const [count, question] of [
    [0, []],
    [2, [...one, ...one]],
    [0xffff, one],
  ] as const) {
    const { octets } = await client.askOctets(queryWith(question, { counts: [count, 0, 0, 0] }));
    t.equal(readHeader(octets).rcode, Rcode.FORMERR, `QDCOUNT ${count}`);
  }
});

test('RFC 9715 §3.2: no UDP message of ours is larger than 1400 octets, towards clients and upstream', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  const text = (qname: string, size: number) =>
    message({
      answer: Array.from({ length: size }, (_, i) =>
        record(qname, RrType.TXT, Uint8Array.from([50, ...new Uint8Array(49), i])),
      ),
    });
  world.upstream.script = (asked) =>
    asked.answer(text(asked.qname, Number(/^s(\d+)/.exec(asked.qname)?.[1])));
  for (const size of [10, 19, 20, 21, 25, 100]) {
    const query = queryOctets(`s${size}.example.`, RrType.TXT, { edns: { dnssecOk: true } });
    putUint16(query, query.length - 8, 4_096);
    const { octets } = await client.askOctets(query);
    t.ok(octets.length <= 1_232, `${octets.length} octets`);
    t.doesNotThrow(() => readResponse(octets));
  }
  t.ok(world.upstream.asked.every(({ octets }) => octets.length <= 1_232));
});

test('RFC 2181 §5.2, §8: an RRset has one TTL, the lowest; one with the top bit set is 0', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  world.upstream.script = (asked) => {
    if (asked.qname.startsWith('top')) {
      const said = responseOctets(
        asked.octets,
        message({ answer: [a(asked.qname, '198.18.0.1', 0)] }),
        { edns: false },
      );
      const tail =
        recordOctets(a(asked.qname, '198.18.0.1')).length - encodeName(asked.qname).length;
      said[said.length - tail + 4] = 0x80;
      asked.reply(said);
      return;
    }
    asked.answer(
      message({ answer: [a(asked.qname, '198.18.0.1', 300), a(asked.qname, '198.18.0.2', 60)] }),
    );
  };
  const { response } = await client.ask('uneven.example.');
  t.same(
    response.message.answer.map(({ ttl }) => ttl),
    [60, 60],
  );
  t.equal((await client.ask('top.example.')).response.message.answer[0]?.ttl, 0);
});

test('RFC 2308 §5: NODATA is denied for its type alone', async (t) => {
  const world = await anew();
  const client = await udpClient(t, world.dns);
  world.upstream.script = (asked) =>
    asked.answer(
      asked.qtype === RrType.TXT
        ? nodata('example.')
        : truthAbout({ qname: asked.qname, qtype: RrType.A, qclass: 1 }),
    );
  t.equal((await client.ask('some.example.', RrType.TXT)).response.message.answer.length, 0);
  t.equal((await client.ask('some.example.', RrType.A)).response.message.answer.length, 1);
});

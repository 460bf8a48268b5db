import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type Test, test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import { Deframer, frame } from '../../src/wire/frame.ts';
import type { Message } from '../../src/wire/message.ts';
import { renderReply } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';
import { freePort } from '../support/free-port.ts';
import { a, cname, message, nxdomain } from '../support/messages.ts';
import { run } from './captured.ts';

type Script = (qname: string, qtype: number, over: 'udp' | 'tcp') => Message | 'silence';

/** A server on one loopback port, over UDP and TCP, that counts what it is asked. */
async function server(t: Test, script: Script, { limit = 1_232, ede = '' } = {}) {
  const asked: string[] = [];
  const answer = (octets: Uint8Array, over: 'udp' | 'tcp'): Uint8Array | undefined => {
    const request = readRequest(octets);
    const { qname, qtype } = request.question;
    asked.push(`${over} ${qname} ${qtype}`);
    const reply = script(qname, qtype, over);
    if (reply === 'silence') return undefined;
    const error = ede === '' ? undefined : { code: 3, text: ede };
    const most = over === 'udp' ? limit : 0xffff;
    return renderReply(request, reply, { age: 0, limit: most, ede: error });
  };
  // Below the ports that the kernel chooses, UDP's is TCP's too.
  const port = await freePort();
  const udp = createSocket('udp4');
  udp.on('message', (octets: Buffer, { port, address }: RemoteInfo) => {
    const reply = answer(octets, 'udp');
    if (reply !== undefined) udp.send(reply, port, address);
  });
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  const tcp = createServer((socket) => {
    const deframer = new Deframer();
    socket.on('data', (chunk: Buffer) => {
      for (const octets of deframer.push(chunk)) {
        const reply = answer(octets, 'tcp');
        if (reply !== undefined) socket.write(frame(reply));
      }
    });
    socket.on('error', () => undefined);
  });
  tcp.listen(port, '127.0.0.1');
  await once(tcp, 'listening');
  t.teardown(() => {
    udp.close();
    tcp.close();
  });
  return { address: `127.0.0.1:${port}`, asked };
}

test('the answer is printed as a zone file with comments', async (t) => {
  const { address, asked } = await server(t, () =>
    message({
      answer: [cname('www.Example.', 'web.example.', 30), a('web.example.', '192.0.2.1', 60)],
    }),
  );
  const { code, stdout, stderr } = await run(['query', 'www.example', '--server', address]);
  t.equal(code, 0);
  t.equal(stderr, '');
  const lines = stdout.trimEnd().split('\n');
  t.same(lines.slice(0, 5), [
    ';; NOERROR; flags qr rd ra',
    ';www.example.\tIN\tA',
    ';; answer',
    'www.example.\t30\tIN\tCNAME\tweb.example.',
    'web.example.\t60\tIN\tA\t192.0.2.1',
  ]);
  t.match(lines[5], new RegExp(`^;; ${address} over udp: \\d+ octets in [\\d.]+ ms$`));
  t.same(asked, ['udp www.example. 1'], 'as it stands, once');
});

test('--json has the same', async (t) => {
  const { address } = await server(t, () => nxdomain('example.'), { ede: 'stale\u001b[31m' });
  const { code, stdout } = await run([
    'query',
    'no.example',
    'TYPE65280',
    '--json',
    '--server',
    address,
  ]);
  t.equal(code, 0, 'NXDOMAIN is an answer');
  t.match(JSON.parse(stdout), {
    status: 'NXDOMAIN',
    question: { name: 'no.example.', type: 'TYPE65280' },
    answer: [],
    authority: [{ name: 'example.', type: 'SOA', class: 'IN' }],
    errors: [{ code: 3, text: 'stale\ufffd[31m' }],
    server: address,
    transport: 'udp',
  });
});

test('--tcp asks over TCP, and a truncated answer is asked for again there', async (t) => {
  const many = Array.from({ length: 100 }, (_, n) => a('many.example.', `192.0.2.${n}`));
  const { address, asked } = await server(t, () => message({ answer: many }), { limit: 512 });
  const truncated = await run(['query', 'many.example', '--json', '--server', address]);
  t.equal(JSON.parse(truncated.stdout).answer.length, 100);
  t.same(asked, ['udp many.example. 1', 'tcp many.example. 1']);
  const direct = await run(['query', 'many.example', 'a', '--tcp', '--server', address]);
  t.match(direct.stdout, /over tcp/);
  t.equal(asked.at(-1), 'tcp many.example. 1');
  t.equal(asked.length, 3);
});

test('without --server the first listen address is asked', async (t) => {
  const { address, asked } = await server(t, () => message());
  const { code } = await run(['query', 'a.example', 'AAAA'], {
    SIDESTUB_LISTEN_ADDRESSES: address,
  });
  t.equal(code, 0);
  t.same(asked, [`udp a.example. ${RrType.AAAA}`]);
});

test('no answer is exit code 1 with the reason', async (t) => {
  const { address } = await server(t, () => 'silence');
  const words = ['query', 'a.example', '--server', address, '--timeout', '20ms'];
  t.same(await run(words), {
    code: 1,
    stdout: '',
    stderr: `sidestub: no answer from ${address} over udp: silent for 20 ms\n`,
  });
  const refused = await run(['query', 'a.example', '--server', '127.0.0.1:1', '--tcp']);
  t.equal(refused.code, 1);
  t.match(refused.stderr, /no answer from 127\.0\.0\.1:1 over tcp: refused/);
});

test('an answer to another question is not taken for one', async (t) => {
  const udp = createSocket('udp4');
  udp.on('message', (octets, { port, address }) => {
    const reply = Buffer.from(octets);
    reply[2] = 0x80;
    // The first letter of the name.
    reply[13] = 0x7a;
    udp.send(reply, port, address);
  });
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  t.teardown(() => udp.close());
  const server = `127.0.0.1:${udp.address().port}`;
  const { code, stderr } = await run([
    'query',
    'a.example',
    '--server',
    server,
    '--timeout',
    '50ms',
  ]);
  t.equal(code, 1);
  t.match(stderr, /silent/);
});

test('a question that makes no sense is exit code 64', async (t) => {
  const wrong: [string[], RegExp][] = [
    [['query'], /no name to ask for/],
    [['query', 'a..b'], /empty label in name: a\.\.b/],
    [['query', 'a', 'NOTYPE'], /unknown type: NOTYPE/],
    [['query', 'a', 'A', 'IN'], /unexpected argument: IN/],
    [['query', 'a', '--server', 'dns.example'], /--server is not an address: dns\.example/],
    [['query', 'a', '--timeout', '5'], /--timeout: not a duration/],
  ];
  for (const [words, reason] of wrong) {
    const { code, stderr } = await run(words);
    t.equal(code, 64, words.join(' '));
    t.match(stderr, reason);
  }
});

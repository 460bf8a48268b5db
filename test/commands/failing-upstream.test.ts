// What a daemon says of an upstream whose replies cannot be read: a process of its own, by the machine's clock.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import tap, { type Test, test } from 'tap';
import { freePort } from '../support/free-port.ts';
import { run, start } from './started.ts';

// Most of their time is waiting.
tap.jobs = 3;

type Reply = (query: Uint8Array) => Uint8Array;

/** The header says that there is no such name, and the question follows: an OPT is left out. */
const denial: Reply = (query) => {
  let end = 12;
  for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) end += length + 1;
  const reply = Uint8Array.from(query.subarray(0, end + 5));
  reply.set([0x80, 3], 2);
  reply[11] = 0;
  return reply;
};

const unreadable: Readonly<Record<string, Reply>> = {
  // The question, and behind it the announcement of an answer that is not there.
  'an answer that is announced only': (query) => {
    const reply = Uint8Array.from(query);
    reply[2] = 0x80;
    reply[7] = 1;
    return reply;
  },
  'no whole header': (query) => query.subarray(0, 5),
};

/** A daemon with such an upstream, which answers as `upstream.reply` says at that moment. */
async function daemonBehind(t: Test, reply: Reply) {
  const upstream = { reply };
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  socket.on('message', (query, { port, address }) => {
    socket.send(upstream.reply(query), port, address);
  });
  const listen = `127.0.0.1:${await freePort()}`;
  const words = ['run', '--listen', listen, '--metrics', '127.0.0.1:0'];
  const daemon = start(t, [...words, '--upstream', `127.0.0.1:${socket.address().port}`]);
  const [, status] = /"status":"([^"]+)"/.exec(await daemon.printed(/"listening".*\n/)) ?? [];
  const get = async (path: string) => await (await fetch(`http://${status}${path}`)).text();
  return { upstream, daemon, listen, get };
}

for (const [what, reply] of Object.entries(unreadable)) {
  test(`U3: after it was ready, ${what} is not called silence by the log, the page or the client`, {
    buffered: true,
  }, async (t) => {
    const { upstream, daemon, listen, get } = await daemonBehind(t, denial);
    await daemon.printed(/"event":"ready".*\n/);
    upstream.reply = reply;
    const words = ['--server', listen, '--timeout', '6s'];
    const asked = await Promise.all(
      ['one', 'two', 'three'].map((name) => run(t, ['query', `${name}.example.`, ...words])),
    );
    for (const { code, stdout } of asked)
      t.match({ code, stdout }, { code: 0, stdout: /SERVFAIL/ });
    const text = await daemon.printed(/(?:"lookup_failed"[\s\S]*){3}\n/);
    t.match(text, /"lookup_failed".*"cause":"malformed"/);
    t.notMatch(text, /"cause":"silence"|"reason":"timeout"/);
    // U1: replies to the question show that the server is there; what matches nothing counts as silence.
    if (what === 'no whole header') {
      t.match(await daemon.printed(/"upstream_dead".*\n/), /"upstream_dead".*"reason":"malformed"/);
    }
    const page = await get('/');
    t.match(page, /its replies cannot be read/);
    t.match(page, /malformed replies<\/span>/);
    t.notMatch(page, /silent/);
    upstream.reply = denial;
    await run(t, ['query', 'four.example.', ...words]);
    t.notMatch(await get('/'), /its replies cannot be read/, 'it answers again');
  });
}

test('U3: an upstream whose replies cannot be read is not called silent before it is ready either', {
  buffered: true,
}, async (t) => {
  const { daemon, get } = await daemonBehind(t, (query) => query.subarray(0, 5));
  await daemon.printed(/"upstream_failing".*malformed.*\n/);
  t.match(await get('/ready'), /no answer from .*: malformed/);
});

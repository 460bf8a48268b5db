import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Test, test } from 'tap';
import { type Endpoint, parseEndpoint } from '../../../src/endpoint.ts';
import { RrType } from '../../../src/wire/codes.ts';
import { uint16 } from '../../../src/wire/header.ts';
import { a, message, queryOctets, responseOctets } from '../../support/messages.ts';
import { productEnv } from '../../support/product-env.ts';
import { replaceFile } from '../../support/replace-file.ts';

const CLI = join(import.meta.dirname, '../../../src/cli.ts');
const BOUND = 30_000;

/** An upstream on the loopback that answers every A with one address, `delay` later. */
async function upstream(t: Test, address: string, delay: number) {
  const socket = createSocket('udp4');
  let asked = 0;
  socket.on('message', (query, peer) => {
    asked++;
    // The name stands from octet 12 on: the owner is a pointer's worth of it, so the question is read back.
    const labels: string[] = [];
    for (let at = 12; (query[at] ?? 0) > 0; at += 1 + (query[at] ?? 0)) {
      labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)));
    }
    const qname = `${labels.join('.')}.`;
    const isA = uint16(query, query.indexOf(0, 12) + 1) === RrType.A;
    const reply = responseOctets(query, message({ answer: isA ? [a(qname, address, 1)] : [] }));
    setTimeout(() => socket.send(reply, peer.port, peer.address, () => undefined), delay);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return { port: socket.address().port, asked: () => asked };
}

interface Daemon {
  readonly child: ChildProcess;
  readonly dns: Endpoint;
  readonly exited: Promise<unknown[]>;
  configure(settings: object): void;
  /** The configuration file's text. */
  write(text: string): void;
  /** Resolves with the `nth` event of this name. */
  event(name: string, nth?: number): Promise<Record<string, unknown>>;
}

async function start(t: Test, settings: object): Promise<Daemon> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-reload-'));
  const file = join(folder, 'sidestub.yaml');
  const base = {
    listen: { addresses: ['127.0.0.1:0'] },
    search: { suffixes: [] },
    status: { address: 'off' },
    rehearsal: false,
    log: { format: 'json' },
    shutdown: { message: 'off', grace: '10s' },
  };
  const write = (text: string) => replaceFile(file, text);
  const configure = (more: object) => write(JSON.stringify({ ...base, ...more }));
  configure(settings);
  const env = productEnv();
  const child = spawn(process.execPath, [CLI, 'run', '--config', file], { env });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  const log: Record<string, unknown>[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => log.push(JSON.parse(line)));
  const event = async (name: string, nth = 1) => {
    const late = AbortSignal.timeout(BOUND);
    for (;;) {
      const found = log.filter((each) => each['event'] === name)[nth - 1];
      if (found !== undefined) return found;
      await once(lines, 'line', { signal: late });
    }
  };
  await event('ready');
  const { addresses } = await event('listening');
  const dns = parseEndpoint((addresses as string[])[0] ?? '', 53);
  if (dns === undefined) throw new Error('listens nowhere');
  return { child, dns, exited, configure, write, event };
}

/** Asks names over one socket; resolves with the last octet of each answer's address. */
async function client(t: Test, dns: Endpoint) {
  const socket = createSocket('udp4');
  socket.connect(dns.port, dns.address);
  await once(socket, 'connect');
  t.teardown(() => socket.close());
  const answers = new Map<number, number>();
  // Without a record the last octet is that of the question's class.
  const octetOf = (reply: Buffer) => (uint16(reply, 6) === 0 ? undefined : reply.at(-1)) ?? -1;
  socket.on('message', (reply) => answers.set(uint16(reply, 0), octetOf(reply)));
  let id = 0;
  return {
    answers,
    ask: (name: string) => socket.send(queryOctets(name, RrType.A, { id: ++id })),
    until: async (count: number) => {
      const late = AbortSignal.timeout(BOUND);
      while (answers.size < count) await once(socket, 'message', { signal: late });
    },
  };
}

test('S2: twenty reloads lose no query, and the next questions go where the new configuration says', async (t) => {
  const one = await upstream(t, '192.0.2.1', 20);
  const two = await upstream(t, '192.0.2.2', 20);
  const servers = [one, two].map(({ port }) => ({ upstreams: [`udp://127.0.0.1:${port}`] }));
  const daemon = await start(t, servers[0] ?? {});
  const { ask, until, answers } = await client(t, daemon.dns);
  let asked = 0;
  for (let turn = 1; turn <= 20; turn++) {
    for (let i = 0; i < 10; i++) ask(`n${asked++}.example.com.`);
    daemon.configure(servers[turn % 2] ?? {});
    daemon.child.kill('SIGHUP');
    for (let i = 0; i < 10; i++) ask(`n${asked++}.example.com.`);
    await daemon.event('reloaded', turn);
  }
  await until(asked);
  t.equal(answers.size, asked);
  t.strictSame(
    [...answers.values()].filter((octet) => octet !== 1 && octet !== 2),
    [],
    'each with an address',
  );
  t.ok(two.asked() > 20, 'the second server was asked');
});

test('S2: a file that changes is a reload; an invalid one is refused with every reason', async (t) => {
  const one = await upstream(t, '192.0.2.1', 1);
  const two = await upstream(t, '192.0.2.2', 1);
  const daemon = await start(t, { upstreams: [`udp://127.0.0.1:${one.port}`] });
  const { ask, until, answers } = await client(t, daemon.dns);
  daemon.configure({ upstreams: ['nonsense://x'], families: { order: 'sideways' } });
  const { reasons } = await daemon.event('reload_refused');
  t.equal((reasons as string[]).length, 2);
  ask('a.example.com.');
  await until(1);
  t.equal(answers.get(1), 1, 'the old configuration stays');
  daemon.write('');
  const half = await daemon.event('reload_refused', 2);
  t.match(half['reasons'], [/sidestub\.yaml: cannot be read: it is empty/]);
  daemon.configure({
    upstreams: [`udp://127.0.0.1:${two.port}`],
    queryLog: { to: 'stdout', sample: 2 },
  });
  await daemon.event('reloaded');
  t.same((await daemon.event('restart_needed'))['settings'], ['queryLog']);
  ask('a.example.com.');
  await until(2);
  t.equal(answers.get(2), 2, 'nor does its answer: another server answers for the name');
});

test('S2: SIGTERM answers 200 questions in flight, and the steps that follow them', async (t) => {
  const { port, asked } = await upstream(t, '192.0.2.1', 100);
  const daemon = await start(t, { upstreams: [`udp://127.0.0.1:${port}`] });
  const { ask, until, answers } = await client(t, daemon.dns);
  const before = asked();
  for (let i = 0; i < 200; i++) ask(`n${i}.example.com.`);
  const late = performance.now() + BOUND;
  while (asked() === before && performance.now() < late) await new Promise(setImmediate);
  daemon.child.kill('SIGTERM');
  await until(200);
  for (let step = 1; step <= 10; step++) {
    ask(`step${step}.example.com.`);
    await until(200 + step);
  }
  t.notOk([...answers.values()].includes(-1), 'each with an address');
  const [code] = await daemon.exited;
  t.equal(code, 0);
  t.equal((await daemon.event('stopped'))['abandoned'], 0);
});

test('S2: a second signal ends at once', async (t) => {
  const { port } = await upstream(t, '192.0.2.1', 1);
  const daemon = await start(t, { upstreams: [`udp://127.0.0.1:${port}`] });
  daemon.child.kill('SIGTERM');
  await daemon.event('signal');
  daemon.child.kill('SIGINT');
  const [code, signal] = await daemon.exited;
  t.equal(signal, null);
  t.equal(code, 1, 'what was in flight was given up');
});

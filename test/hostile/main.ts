// `npm run hostile -- [NAME…]`: the full forms of the hostile tests, with their figures; a few minutes in all.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { chosenOf } from '../../docker/script-flags.ts';
import { admit } from '../../src/listen/admit.ts';
import { judgeReply } from '../../src/upstream/reply.ts';
import { frame } from '../../src/wire/frame.ts';
import { readRequest } from '../../src/wire/request.ts';
import { Luck, mutate } from '../fuzz/mutate.ts';
import { seeds } from '../fuzz/seeds.ts';
import { samples, skip } from '../support/corpus.ts';
import { queryOctets } from '../support/messages.ts';
import { BOMBS } from './bombs.ts';
import { tcpClient, udpClient } from './clients.ts';
import { DOH_FAULTS, type DohFault } from './doh-upstream.ts';
import { type HostileWorld, type Owner, startWorld } from './hostile-daemon.ts';
import { HOT } from './hot-names.ts';
import { askOverDoh, startDohWorld } from './stories/doh.ts';
import { generatedCases, identity } from './stories/identity.ts';
import { sayAsAnswers, sendAsQueries, untilDescriptors } from './stories/packets.ts';
import { starve } from './stories/starvation.ts';

/** Of each fault of the DoH server; HOSTILE_SECONDS=300 for the long form, which takes half an hour for each method. */
const DOH_SECONDS = Number(process.env['HOSTILE_SECONDS'] ?? 10);
/** Separated by commas: which faults of the DoH server to try, all where nothing is said. */
const FAULTS = chosenOf(process.env['HOSTILE_FAULTS']?.split(',') ?? [], DOH_FAULTS);
/** Before the first fault: what the lines after it are compared with. */
const WELL_SECONDS = 30;
/** 100,000 mutants, as the reliability goals ask for. */
const MUTANTS = 100_000;

const corpus =
  skip === false
    ? samples()
        .map(({ octets }) => octets)
        .filter(({ length }) => length < 65_000)
    : [];

const STORIES: Readonly<Record<string, (t: Owner) => Promise<object>>> = {
  queries: async (t) => {
    const world = await startWorld(t, { compiled: true });
    const before = world.descriptors();
    const whole = await sendAsQueries(t, world, corpus);
    const rss = world.memory().rss;
    const mutated = await sendAsQueries(t, world, mutants([...seeds(), ...corpus], MUTANTS / 2));
    const after = await untilDescriptors(world, before);
    return {
      corpus: whole,
      mutants: mutated,
      rss: [rss, world.memory().rss],
      descriptors: [before, after],
      health: await world.health(),
    };
  },
  answers: async (t) => {
    const world = await startWorld(t, { compiled: true });
    return { ...(await sayAsAnswers(t, world, corpus)), health: await world.health() };
  },
  identity: async (t) => {
    const world = await startWorld(t, { compiled: true });
    const cases = generatedCases();
    return { answers: cases.length, changed: await identity(t, world, cases) };
  },
  'black-hole': async (t) => {
    const world = await startWorld(t, { compiled: true, nodeFlags: ['--max-semi-space-size=1'] });
    const client = await udpClient(t, world.dns);
    for (const name of HOT) await client.ask(name);
    const calm = await hotAnswers(t, world);
    world.upstream.script = () => undefined;
    const sent = floodFrom(t, world, 10_000, 12);
    await wait(1_000);
    const begun = await hotAnswers(t, world);
    const flooded = await hotAnswers(t, world);
    return { calm, begun, flooded, sent: await sent, health: await world.health() };
  },
  tcp: async (t) => {
    const world = await startWorld(t, { compiled: true });
    const good = await tcpClient(t, world.dns, '127.0.0.2');
    const bad: Awaited<ReturnType<typeof tcpClient>>[] = [];
    const took: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      const client = await tcpClient(t, world.dns);
      bad.push(client);
      if (i % 3 === 0) client.socket.write(Buffer.alloc(100, 0xff));
      else client.socket.write(frame(queryOctets('slow.example.')).subarray(0, 9));
      if (bad.length > 500) bad.shift()?.close();
      if (i % 20 === 0) took.push((await good.ask(`good${i}.example.`)).took);
    }
    return { connections: 10_000, good: summary(took), health: await world.health() };
  },
  bombs: async () => {
    const query = queryOctets('bomb.example.');
    const { header, question } = readRequest(query);
    const milliseconds = (work: () => unknown) =>
      summary(
        Array.from({ length: 200 }, () => {
          const begun = performance.now();
          work();
          return performance.now() - begun;
        }),
      );
    return Object.fromEntries(
      Object.entries(BOMBS).map(([what, bomb]) => {
        const [asQuery, asReply] = [bomb(query, false), bomb(query, true)];
        return [
          what,
          {
            query: milliseconds(() => admit(asQuery)),
            reply: milliseconds(() => judgeReply(asReply, header.id, question)),
          },
        ];
      }),
    );
  },
  'doh-post': (t) => everyFault(t, 'post'),
  'doh-get': (t) => everyFault(t, 'get'),
  starvation: async (t) => ({
    files64: await starve(t, { files: 64 }, 10, 2_000),
    files64In64MiB: await starve(t, { files: 64, mebibytes: 64 }, 10, 2_000),
  }),
};

/** One daemon through all faults in turn, so that what a fault leaves behind shows in the lines after it. */
async function everyFault(t: Owner, method: 'get' | 'post'): Promise<object> {
  const parts = await startDohWorld(t, method, true);
  const figures: Record<string, object> = {};
  const tell = async (
    what: string,
    how: { fault?: DohFault; early?: boolean },
    seconds = DOH_SECONDS,
  ): Promise<void> => {
    figures[what] = await askOverDoh(t, parts, { ...how, seconds });
    process.stderr.write(`${method} ${what} ${JSON.stringify(figures[what])}\n`);
  };
  await tell('well', {}, Math.min(DOH_SECONDS, WELL_SECONDS));
  // Early faults differ in who can be named, not in what they leave behind: the long form is without them.
  const times = DOH_SECONDS < 60 ? [false, true] : [false];
  for (const fault of FAULTS) {
    for (const early of times) await tell(`${fault}${early ? ' early' : ''}`, { fault, early });
  }
  return figures;
}

function* mutants(pool: readonly Uint8Array[], count: number): Generator<Uint8Array> {
  const luck = new Luck(20_261_125);
  for (let i = 0; i < count; i++) yield mutate(pool[i % pool.length] ?? new Uint8Array(), luck);
}

/** From a process of its own, so that it holds up neither the clients nor the upstream here. */
function floodFrom(
  t: Owner,
  { dns }: HostileWorld,
  perSecond: number,
  seconds: number,
): Promise<number> {
  return ownProcess(t, 'flood.ts', [dns.port, perSecond, seconds]).then(Number);
}

/** How long 500 cached names take, asked for one by one. */
async function hotAnswers(t: Owner, { dns }: HostileWorld): Promise<object> {
  const told: (number | null)[] = JSON.parse(await ownProcess(t, 'hot-client.ts', [dns.port, 500]));
  const took = told.filter((each) => each !== null);
  return { ...summary(took), lost: told.length - took.length };
}

/** @returns What it prints. */
function ownProcess(t: Owner, script: string, words: readonly number[]): Promise<string> {
  const path = join(import.meta.dirname, script);
  const child = spawn(process.execPath, [path, ...words.map(String)]);
  t.teardown(() => child.kill('SIGKILL'));
  return text(child.stdout);
}

function summary(times: readonly number[]): Readonly<Record<string, number>> {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Number((sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN).toFixed(3));
  return { count: times.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

const chosen = chosenOf(process.argv.slice(2), Object.keys(STORIES));
for (const [name, story] of Object.entries(STORIES)) {
  if (!chosen.includes(name)) continue;
  const undo: (() => unknown)[] = [];
  try {
    const figures = await story({ teardown: (each) => undo.push(each) });
    process.stdout.write(`${name} ${JSON.stringify(figures)}\n`);
  } catch (error) {
    process.exitCode = 1;
    process.stdout.write(`${name} failed: ${error instanceof Error ? error.stack : error}\n`);
  }
  for (const each of undo.reverse()) await each();
}

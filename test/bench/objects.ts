import { createHook } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { assembleResolver, type ResolverParts } from '../../src/assemble.ts';
import { type Clock, monotonicClock } from '../../src/clock.ts';
import type { SearchList } from '../../src/resolve/search-list.ts';
import { ownQuery, queryKey } from '../../src/resolve/stage.ts';
import { verdictOf } from '../../src/resolve/verdict.ts';
import { Routes } from '../../src/upstream/routes.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { upstreamFor } from '../../src/upstream/upstreams.ts';
import { a, message } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { machine } from './report.ts';

/** Questions that are looked at; fewer than a client may have at a route that says nothing (S1). */
const QUESTIONS = 80;
/** Before them, so that what is made once is there. */
const BEFORE = 40;

/** Rounds, of which the quickest counts, and names of each. */
const ROUNDS = 20;
const NAMES = 5_000;

/**
 * Prints what a miss makes and holds while it is out, from the stages to its socket: promises, timers, octets of the heap.
 * Then, what the parts take that several stages work out for themselves: a question's key, its reading, route and verdict.
 */
export async function run(): Promise<void> {
  const { gc: collect } = globalThis;
  if (collect === undefined) {
    const [node, main = ''] = process.argv;
    spawnSync(node ?? process.execPath, ['--expose-gc', main, 'objects'], { stdio: 'inherit' });
    return;
  }
  const silent = createSocket('udp4');
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  let timers = 0;
  const clock: Clock = {
    now: monotonicClock.now,
    after: (delay, fire) => {
      timers++;
      return monotonicClock.after(delay, fire);
    },
  };
  const { resolve, list, routes, close } = stages(clock, silent.address().port);
  const asker = { onAnswer: () => undefined, onFailure: () => undefined };
  const ask = (count: number, prefix: string) => {
    for (let i = 0; i < count; i++) {
      resolve(ownQuery(`${prefix}${i}.bench.example.`, 1, { client: '127.0.0.1' }), asker);
    }
  };
  ask(BEFORE, 'before');
  await wait(20);
  let promises = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') promises++;
    },
  });
  collect();
  const held = process.memoryUsage().heapUsed;
  timers = 0;
  hook.enable();
  ask(QUESTIONS, 'n');
  hook.disable();
  const made = { promises, timers };
  collect();
  const octets = process.memoryUsage().heapUsed - held;
  const each = (count: number) => (count / QUESTIONS).toFixed(1);
  const socket = await octetsOfSocket(silent.address().port, collect);
  process.stdout.write(
    `a miss that is out: ${each(made.promises)} promises, ${each(made.timers)} timers, ` +
      `${(octets / QUESTIONS / 1024).toFixed(1)} KiB of the heap, ` +
      `of which a connected socket of node:dgram takes ${(socket / 1024).toFixed(1)}\n${machine()}.\n`,
  );
  close();
  silent.close();
  const parts = Object.entries(timesOfParts(list, routes)).map(([what, ns]) => `${what} ${ns} ns`);
  process.stdout.write(`${parts.join(', ')}\n`);
}

/** What node:dgram holds for a connected socket with a listener for datagrams. */
async function octetsOfSocket(port: number, collect: () => unknown): Promise<number> {
  collect();
  const before = process.memoryUsage().heapUsed;
  const sockets = Array.from({ length: QUESTIONS }, () => createSocket('udp4', () => undefined));
  for (const socket of sockets) socket.connect(port, '127.0.0.1');
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  collect();
  const octets = process.memoryUsage().heapUsed - before;
  for (const socket of sockets) socket.close();
  return octets / QUESTIONS;
}

function timesOfParts(list: SearchList, routes: Routes): Record<string, string> {
  const queries = Array.from({ length: NAMES }, (_, i) =>
    ownQuery(`git${i}.example.com.job.svc.cluster.local.`, 1, {}),
  );
  const keys = new Map(queries.map((query) => [queryKey(query), query]));
  const found = message({ answer: [a('git.example.com.', '192.0.2.1')] });
  const parts: Record<string, (query: (typeof queries)[number]) => unknown> = {
    'a key, looked up': (query) => keys.get(queryKey(query)),
    'a reading': ({ qname }) => list.expansionOf(qname),
    'a route': ({ qname }) => routes.routeOf(qname),
    'a verdict': (query) => verdictOf(found, query),
  };
  return Object.fromEntries(
    Object.entries(parts).map(([what, part]) => [what, nanoseconds(queries, part)]),
  );
}

function nanoseconds<Value>(values: readonly Value[], part: (value: Value) => unknown): string {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    for (const value of values) if (part(value) === undefined) throw new Error('nothing');
    least = Math.min(least, performance.now() - begun);
  }
  return ((1e6 * least) / values.length).toFixed(0);
}

/** The stages with the defaults, over one server that says nothing. */
function stages(clock: Clock, port: number) {
  const nothing = { add: () => undefined };
  const upstream = upstreamFor({
    servers: [[parseServerAddress(`udp://127.0.0.1:${port}`)]],
    order: { kind: 'auto' },
    clock,
    tallies: createUpstreamTallies(),
    udpSockets: { sockets: 10_000, full: nothing },
  });
  const domain = 'cluster.local.';
  const settings: ResolverParts['settings'] = {
    search: {
      mode: 'prove',
      suffixes: [`job.svc.${domain}`, `svc.${domain}`, domain],
      ndots: 5,
      pin: [],
      keep: [],
      wildcardGuard: false,
      collapse: false,
      public: [],
    },
    cluster: { domain },
    families: { order: { kind: 'auto' }, repair: true, aaaa: 'pass' },
    cache: { octets: 1 << 20, negativeOctets: 1 << 18, minTtl: 0, maxTtl: 86_400 },
    limits: { flights: 10_000, upstreamSockets: 10_000 },
    routes: [],
  };
  const routes = new Routes([{ zone: '.', upstream }]);
  const { resolve, list } = assembleResolver({
    settings,
    clock,
    routes,
    tallies: {
      cache: { hits: nothing, misses: nothing, evictions: nothing },
      coalesced: nothing,
      flights: { full: nothing, crowded: nothing },
      silentRouteFull: nothing,
      repairs: nothing,
      fates: nothing,
      speculations: nothing,
    },
    onVerdict: () => undefined,
    onBug: (error) => {
      throw error;
    },
  });
  return { resolve, list, routes, close: () => upstream.close() };
}

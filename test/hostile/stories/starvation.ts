import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Rcode, RrType } from '../../../src/wire/codes.ts';
import { nxdomain, queryOctets } from '../../support/messages.ts';
import { type Client, udpClient } from '../clients.ts';
import {
  type DaemonOptions,
  type HostileWorld,
  type Owner,
  startWorld,
} from '../hostile-daemon.ts';
import { addressOf, tellTruth } from '../hostile-upstream.ts';
import { HOT } from '../hot-names.ts';

/** How it went for the hot names, in per cent, while random names flooded in. */
export interface StarvationFigures {
  readonly hotAsked: number;
  readonly hotRight: number;
  readonly flooded: number;
  /** Whether a new name is answered at once when the flood is over. */
  readonly recovered: boolean;
  readonly rss: number;
  readonly anonymous: number;
}

/** The whole of what a daemon may have: 64 files, and 64 MiB where there is a way to say so. */
export interface Bounds {
  readonly files?: number;
  /** Of a memory cgroup; without one nothing but the heap is bounded. */
  readonly mebibytes?: number;
}

/** Floods a starved daemon with random names, half of which nobody answers, and asks hot names all the time. */
export async function starve(
  t: Owner,
  bounds: Bounds,
  seconds: number,
  perSecond: number,
): Promise<StarvationFigures> {
  const world = await startWorld(t, optionsFor(t, bounds));
  const client = await udpClient(t, world.dns);
  for (const name of HOT) await client.ask(name);
  world.upstream.script = (asked) => {
    if (asked.qname.startsWith('hot')) tellTruth(asked);
    else if (asked.qname.startsWith('r0')) asked.answer(nxdomain('example.', 60));
  };
  const flood = await udpClient(t, world.dns, '127.0.0.2');
  let [flooded, hotAsked, hotRight] = [0, 0, 0];
  const end = performance.now() + seconds * 1_000;
  const flooding = (async () => {
    while (performance.now() < end) {
      for (let i = 0; i < perSecond / 100; i++) {
        flood.send(
          queryOctets(`r${flooded % 2}-${flooded}.example.`, RrType.TXT, { id: flooded & 0xffff }),
        );
        flooded++;
      }
      await wait(10);
    }
  })();
  while (performance.now() < end) {
    const name = HOT[hotAsked++ % HOT.length] ?? '';
    if (await isRight(client, name)) hotRight++;
  }
  await flooding;
  const memory = world.memory();
  world.upstream.script = tellTruth;
  const recovered = await recovers(world, client);
  return { hotAsked, hotRight, flooded, recovered, ...memory };
}

async function isRight(client: Client, name: string): Promise<boolean> {
  try {
    const { response } = await client.askOctets(queryOctets(name), 1_000);
    return response.message.answer.some(({ rdata }) => rdata.join('.') === addressOf(name));
  } catch {
    return false;
  }
}

/** What the flood left is over within the deadline of its last question. */
async function recovers(world: HostileWorld, client: Client): Promise<boolean> {
  const end = performance.now() + 6_000;
  for (let i = 0; performance.now() < end; i++) {
    try {
      const { response } = await client.askOctets(queryOctets(`new${i}.example.`), 1_000);
      if (response.message.rcode === Rcode.NOERROR) return (await world.health()) === 'well';
    } catch {
      // Not yet.
    }
    await wait(50);
  }
  return false;
}

function optionsFor(t: Owner, { files, mebibytes }: Bounds): DaemonOptions {
  const limited = files === undefined ? [] : ['prlimit', `--nofile=${files}:${files}`];
  if (mebibytes === undefined) return { prefix: limited, compiled: true };
  const group = memoryCgroup(t, mebibytes);
  if (group === undefined)
    return { prefix: limited, nodeFlags: SMALL_HEAP, settings: SMALL_CACHE, compiled: true };
  // The shell joins the group and becomes the daemon: all its memory is counted.
  return {
    compiled: true,
    nodeFlags: SMALL_HEAP,
    prefix: ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh', ...limited],
  };
}

/** As the image starts it. */
const SMALL_HEAP = ['--max-semi-space-size=1'];
const SMALL_CACHE = { cache: { octets: '4MiB', negativeOctets: '1MiB' } };

let made = 0;

/** A memory cgroup of its own, of version 1 or 2; `undefined` where none may be made. */
export function memoryCgroup(t: Owner, mebibytes: number): string | undefined {
  const layouts = [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const;
  for (const [root, file] of layouts) {
    const group = join(root, `sidestub-hostile-${process.pid}-${made++}`);
    try {
      mkdirSync(group);
      writeFileSync(join(group, file), String(mebibytes * 2 ** 20));
      t.teardown(async () => {
        // The last process of it is gone a moment after it was killed.
        for (let tries = 0; tries < 50; tries++) {
          try {
            rmdirSync(group);
            return;
          } catch {
            await wait(20);
          }
        }
      });
      return group;
    } catch {
      try {
        rmdirSync(group);
      } catch {
        // It was not made.
      }
    }
  }
  return undefined;
}

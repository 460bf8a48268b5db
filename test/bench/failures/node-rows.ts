import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/clock.ts';
import { type Lab, startLab, type Through } from '../../support/lab.ts';
import type { Libc, Lookup } from '../../support/lab-client.ts';
import { LIBCS, RTT, storyWorld } from '../../support/lab-story.ts';
import type { Contestant } from './contestant.ts';
import type { Extent, Figure, Row } from './row.ts';

const NAMES = { full: 60, short: 16 };
/** Processes that look names up side by side, each one name after the other. */
const CLIENTS = { full: 12, short: 4 };
/** Names for both libcs, and for what comes before. */
const hosts = Object.fromEntries(
  Array.from({ length: 300 }, (_, i) => [
    `n${i}.example.com.`,
    { a: ['192.0.2.9'], aaaa: ['2001:db8::9'] },
  ]),
);

/** Runs a story in a lab of its own, with the contestant in the job's pod; `tcp` makes its upstream a `tcp://` one. */
async function inLab<T>(
  contestant: Contestant,
  tcp: boolean,
  story: (lab: Lab, through: Through) => Promise<T>,
): Promise<T> {
  const lab = await startLab(storyWorld({ hosts }));
  try {
    await lab.setFaults({ delay: RTT });
    if (contestant === 'directly') return await story(lab, 'direct');
    if (contestant === 'sidestub') {
      const settings = tcp ? { upstreams: ['tcp://10.96.0.10'] } : {};
      const daemon = await lab.startDaemon({ settings });
      await daemon.untilReady();
      await daemon.untilVerdict();
    } else await lab.startPeer(contestant);
    return await story(lab, 'stub');
  } finally {
    await lab.close();
  }
}

function walkRow(loss: number): Row {
  return {
    name: `walk-${loss * 100}`,
    title: `${loss * 100} % loss, 20 ms away, musl and glibc walk four suffixes`,
    goal: 'all ok, nothing above 1 s',
    inLab: true,
    takes: () => true,
    measure: (contestant, extent) =>
      inLab(contestant, false, async (lab, through) => {
        await lab.setFaults({ delay: RTT, lossRatio: loss });
        const lookups: Lookup[] = [];
        for (const [i, libc] of LIBCS.entries()) {
          lookups.push(...(await walks(lab, { libc, through, extent, first: i * NAMES[extent] })));
        }
        return figuresOf(lookups, 1_000);
      }),
  };
}

async function walks(
  lab: Lab,
  { libc, through, extent, first }: { libc: Libc; through: Through; extent: Extent; first: number },
): Promise<Lookup[]> {
  const each = NAMES[extent] / CLIENTS[extent];
  const clients = Array.from({ length: CLIENTS[extent] }, (_, client) =>
    lab.lookups(libc, namesFrom(first + client * each, each), { through }),
  );
  return (await Promise.all(clients)).flat();
}

function namesFrom(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `n${first + i}.example.com`);
}

/** In the middle of many lookups the network changes. */
function changeRow(
  row: Pick<Row, 'name' | 'title'>,
  change: (lab: Lab) => void | Promise<void>,
  { tcp = false } = {},
): Row {
  return {
    ...row,
    goal: 'no lookup above 500 ms',
    inLab: true,
    takes: (contestant) => !tcp || contestant === 'sidestub',
    measure: (contestant, extent) =>
      inLab(contestant, tcp, async (lab, through) => {
        const lookups: Lookup[] = [];
        const rounds = extent === 'full' ? LIBCS.length : 1;
        for (let round = 0; round < rounds; round++) {
          const libc = LIBCS[round % LIBCS.length] ?? 'musl';
          const names = namesFrom(round * NAMES.full, NAMES.full);
          const [own] = await Promise.all([
            lab.lookups(libc, names, { through }),
            wait(BEFORE).then(() => change(lab)),
          ]);
          lookups.push(...own);
          lab.setBackends(2);
        }
        return figuresOf(lookups, 500);
      }),
  };
}

/** Some twenty lookups. */
const BEFORE: Milliseconds = 1_000;
/** How long the server takes to come back. */
const RESTART: Milliseconds = 150;

function figuresOf(lookups: readonly Lookup[], limit: Milliseconds): Figure[] {
  const times = lookups.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const failed = lookups.filter(({ rc }) => rc !== 0);
  return [
    { what: `of ${lookups.length} failed`, value: failed.length, atMost: 0 },
    { what: 'p50', value: times[Math.floor(times.length / 2)] ?? Number.NaN, unit: 'ms' },
    { what: 'max', value: times.at(-1) ?? Number.NaN, unit: 'ms', atMost: limit },
  ];
}

const removal = (lab: Lab) => lab.setBackends(1);

/** What happens on the way to cluster DNS: in network namespaces, with the real libcs. */
export const nodeRows: readonly Row[] = [
  walkRow(0.05),
  walkRow(0.2),
  changeRow(
    { name: 'restart', title: 'the upstream restarts, and conntrack is empty' },
    async (lab) => {
      await lab.setFaults({ delay: RTT, silentFor: RESTART });
      lab.flushConntrack();
    },
  ),
  changeRow({ name: 'backend', title: 'one of two DNAT backends is removed' }, removal),
  changeRow(
    { name: 'backend-tcp', title: 'the same, asked over a kept TCP connection (`tcp://`)' },
    removal,
    { tcp: true },
  ),
];

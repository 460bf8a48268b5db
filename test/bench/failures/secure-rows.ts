import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Milliseconds } from '../../../src/clock.ts';
import { askAtRate, type Outcome, percentile } from '../../support/questioner.ts';
import { type Identity, makeCa, type TestCa } from '../../upstream/certificates.ts';
import { type Contestant, canTake } from './contestant.ts';
import { type Front, withFront } from './front.ts';
import { type Figure, longest, type Row, succeeded } from './row.ts';

const NAME = 'dns.corp.example';
const ROUND_TRIP: Milliseconds = 20;

/** What all rows over TLS share: a CA, and who can ask like this. */
function secureRow(
  row: Pick<Row, 'name' | 'title' | 'goal'>,
  measure: (contestant: Contestant, ca: TestCa, full: boolean) => Promise<Figure[]>,
): Row {
  return {
    ...row,
    takes: (contestant) => canTake(contestant, { tls: { caFile: '', name: NAME } }),
    measure: async (contestant, extent) => {
      const ends: (() => unknown)[] = [];
      const ca = makeCa({ teardown: (end: () => unknown) => void ends.push(end) });
      try {
        return await measure(contestant, ca, extent === 'full');
      } finally {
        for (const end of ends) end();
      }
    },
  };
}

function overTls(ca: TestCa, identity: Identity = ca.issue([`DNS:${NAME}`])) {
  return { secret: identity, tls: { caFile: ca.certFile, name: NAME } };
}

const warm = secureRow(
  {
    name: 'dot-warm',
    title: 'DoT, 20 ms away: pairs over a kept connection',
    goal: '1 RTT warm',
  },
  (contestant, ca, full) =>
    withFront(contestant, { ...overTls(ca), weather: { delay: ROUND_TRIP } }, async (front) => {
      const { client, upstreams } = front;
      const outcomes: Outcome[] = [];
      const before = upstreams[0].connections;
      for (let i = 0; i < (full ? 100 : 20); i++)
        outcomes.push(await client.pair(`n${i}.example.com.`));
      return [
        { what: 'failed', value: outcomes.length - succeeded(outcomes), atMost: 0 },
        { what: 'p50', value: percentile(outcomes, 0.5), unit: 'ms', atMost: 1.25 * ROUND_TRIP },
        { what: 'max', value: longest(outcomes), unit: 'ms' },
        { what: 'new connections', value: upstreams[0].connections - before, atMost: 1 },
      ];
    }),
);

const closing = secureRow(
  {
    name: 'dot-closing',
    title: 'DoT: the upstream closes after each answer',
    goal: 'no loss',
  },
  (contestant, ca, full) =>
    withFront(
      contestant,
      { ...overTls(ca), weather: { delay: 5, closes: true } },
      async (front) => {
        const count = full ? 500 : 100;
        const ask = (i: number) => front.client.pair(`n${i}.example.com.`);
        const outcomes = await askAtRate(50, count, ask);
        return [
          { what: `of ${count} ok`, value: succeeded(outcomes), atLeast: count },
          { what: 'p50', value: percentile(outcomes, 0.5), unit: 'ms' },
          { what: 'max', value: longest(outcomes), unit: 'ms' },
        ];
      },
    ),
);

/** Long enough for a forwarder that says at once that it cannot, and for one that tries again first. */
const ONE_TRY = { timeout: 3_000, tries: 1 };

/** Names are asked of a server that cannot prove who it is. */
async function askInVain({ client, upstreams: [upstream], forwarder }: Front) {
  const names = ['a', 'b', 'c'].map((label) => `${label}.example.com.`);
  const outcomes = await Promise.all(names.map((name) => client.single(name, ONE_TRY)));
  const told = (forwarder?.log ?? []).find((line) => line.includes('upstream_untrusted')) ?? '';
  return { answered: succeeded(outcomes), heard: upstream.asked, clear: upstream.clear, told };
}

const untrusted = secureRow(
  {
    name: 'dot-untrusted',
    title: 'DoT: certificate of another CA, expired, for another name',
    goal: 'clear error and never a fallback to clear text',
  },
  async (contestant, ca) => {
    const ends: (() => unknown)[] = [];
    const other = makeCa({ teardown: (end: () => unknown) => void ends.push(end) }, 'Other CA');
    const identities = [
      other.issue([`DNS:${NAME}`]),
      ca.issue([`DNS:${NAME}`], { days: -1 }),
      ca.issue(['DNS:other.corp.example']),
    ];
    const sum = { answered: 0, heard: 0, clear: 0, told: 0 };
    for (const identity of identities) {
      const options = { ...overTls(ca, identity), hopeless: true };
      const { told, ...seen } = await withFront(contestant, options, askInVain);
      sum.answered += seen.answered;
      sum.heard += seen.heard;
      sum.clear += seen.clear;
      if (/subject.*issuer.*expected/.test(told)) sum.told++;
    }
    for (const end of ends) end();
    return [
      { what: 'answers of who is not believed', value: sum.answered, atMost: 0 },
      { what: 'questions told to it', value: sum.heard, atMost: 0 },
      { what: 'in clear text', value: sum.clear, atMost: 0 },
      ...(contestant === 'sidestub'
        ? [
            {
              what: 'of 3 errors with subject, issuer and what was expected',
              value: sum.told,
              atLeast: 3,
            },
          ]
        : []),
    ];
  },
);

/** How long a new CA file may be overlooked. */
const SPAN: Milliseconds = 10_000;

const replaced = secureRow(
  {
    name: 'dot-ca-replaced',
    title: 'DoT: the CA is replaced, first at the server and then in the file',
    goal: 'used within seconds, without a restart',
  },
  async (contestant, ca) => {
    const folder = mkdtempSync(join(tmpdir(), 'sidestub-ca-file-'));
    const caFile = join(folder, 'ca.pem');
    const old = makeCa({ teardown: () => undefined }, 'Old CA');
    writeFileSync(caFile, old.cert);
    const secret = ca.issue([`DNS:${NAME}`]);
    const options = { secret, tls: { caFile, name: NAME }, hopeless: true };
    try {
      return await withFront(contestant, options, async (front) => {
        const { answered } = await askInVain(front);
        // As kubelet does it: the new file takes the old one's name.
        writeFileSync(`${caFile}.new`, ca.cert);
        renameSync(`${caFile}.new`, caFile);
        const used = await untilAnswered(front);
        return [
          { what: 'answers before', value: answered, atMost: 0 },
          { what: 'new CA used after', value: used / 1_000, unit: 's', atMost: 3 },
        ];
      });
    } finally {
      rmSync(folder, { recursive: true });
      rmSync(old.folder, { recursive: true });
    }
  },
);

async function untilAnswered({ client }: Front): Promise<Milliseconds> {
  const started = performance.now();
  for (let turn = 0; performance.now() - started < SPAN; turn++) {
    const { ok } = await client.single(`after${turn}.example.com.`, { timeout: 1_000, tries: 1 });
    if (ok) return performance.now() - started;
    await wait(100);
  }
  return Number.POSITIVE_INFINITY;
}

export const secureRows: readonly Row[] = [warm, closing, untrusted, replaced];

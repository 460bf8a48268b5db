// A client and an upstream in one process, which `flood.ts` starts beside the flood: told whom to ask, it asks for some
// seconds and says how long each kind of thing took.
import { get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { type Milliseconds, monotonicClock } from '../../src/clock.ts';
import { askServer } from '../../src/commands/query/ask-server.ts';
import { RrClass, RrType } from '../../src/wire/codes.ts';
import { startUpstream, tellTruth } from '../hostile/hostile-upstream.ts';
import { PROBES, type Probe, type ProbeOrder, type ProbeTimes } from './probes.ts';

/** Between two probes. */
const PAUSE: Milliseconds = 2;
/** Resends are rationed (U2): one in so many turns. */
const LOST_EVERY = 8;
const TIMEOUT: Milliseconds = 5_000;

const upstream = await startUpstream();
const seen = new Set<string>();
upstream.script = (asked) => {
  const isLost = asked.qname.startsWith('lost') && !seen.has(asked.qname);
  seen.add(asked.qname);
  if (!isLost) tellTruth(asked);
};
process.on(
  'message',
  (order: ProbeOrder) => void probe(order).then((times) => process.send?.(times)),
);
process.send?.(upstream.port);

let made = 0;

async function probe({ port, statusPort, seconds }: ProbeOrder): Promise<ProbeTimes> {
  const ask = async (transport: 'udp' | 'tcp', label: string): Promise<Milliseconds> => {
    const question = { qname: `${label}.probe.example.`, qtype: RrType.A, qclass: RrClass.IN };
    const server = { address: '127.0.0.1', port };
    const options = { server, question, transport, timeout: TIMEOUT, clock: monotonicClock };
    return (await askServer(options)).took;
  };
  const ways: Record<Probe, () => Promise<Milliseconds>> = {
    'hit, UDP': () => ask('udp', 'hit'),
    'miss, UDP': () => ask('udp', `miss${made++}`),
    'miss, TCP': () => ask('tcp', `miss${made++}`),
    'hit, new TCP connection': () => ask('tcp', 'hit'),
    'GET /ready': () => ready(statusPort),
    'miss, first question lost': () => ask('tcp', `lost${made++}`),
  };
  const times = Object.fromEntries(PROBES.map((name) => [name, []])) as unknown as ProbeTimes;
  const end = performance.now() + seconds * 1_000;
  for (let turn = 0; performance.now() < end; turn++) {
    for (const name of PROBES) {
      if (name === 'miss, first question lost' && turn % LOST_EVERY > 0) continue;
      times[name].push(await ways[name]());
      await wait(PAUSE);
    }
  }
  return times;
}

function ready(port: number): Promise<Milliseconds> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/ready', agent: false }, (response) => {
      response.resume();
      response.once('end', () => {
        if (response.statusCode === 200) resolve(performance.now() - began);
        else reject(new Error(`GET /ready: ${response.statusCode}`));
      });
    }).once('error', reject);
  });
}

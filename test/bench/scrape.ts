import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { monotonicClock } from '../../src/clock.ts';
import { askServer } from '../../src/commands/query/ask-server.ts';
import { RrClass, RrType } from '../../src/wire/codes.ts';
import { buildQuery } from '../../src/wire/request.ts';
import { startSidestub } from '../observe/running-sidestub.ts';
import { productEnv } from '../support/product-env.ts';

/** Hits a second, sent evenly: a busy node, and far from what it can take. */
const RATE = 2_000;
const SPAN = 6_000;

/**
 * What a scrape costs: its time and size on a busy daemon, and what it does to the latency of hits.
 *
 * The same load twice, first without and then with ten scrapes a second, which is 150 times what Prometheus does.
 */
export async function run(): Promise<void> {
  const cpu = await cpuOfScrapes();
  const undo: (() => unknown)[] = [];
  const sidestub = await startSidestub({ teardown: (each) => undo.push(each) });
  try {
    const { dns, url } = sidestub;
    await askServer({
      server: dns,
      question: QUESTION,
      transport: 'udp',
      timeout: 2_000,
      clock: monotonicClock,
    });
    const quiet = await hits(dns.port);
    const scraper = new Worker(SCRAPER, { eval: true, workerData: url });
    const busy = await hits(dns.port);
    scraper.postMessage('end');
    const [scrapes] = (await once(scraper, 'message')) as [{ ms: number; octets: number }[]];
    const times = scrapes.map(({ ms }) => ms);
    process.stdout.write(
      [
        `scrapes             ${scrapes.length}, ${Math.max(...scrapes.map(({ octets }) => octets))} octets at most`,
        `CPU of a scrape     first ${cpu[0]?.toFixed(1)} ms, first after the rehearsal ${cpu[1]?.toFixed(1)} ms, median of those behind it ${at(cpu.slice(2), 0.5)} ms`,
        `time of a scrape    median ${at(times, 0.5)} ms, p99 ${at(times, 0.99)} ms, first ${times[0]?.toFixed(1)} ms`,
        `hits without        median ${at(quiet, 0.5)} ms, p99 ${at(quiet, 0.99)} ms, p99.9 ${at(quiet, 0.999)} ms, ${quiet.length} answered`,
        `hits with scrapes   median ${at(busy, 0.5)} ms, p99 ${at(busy, 0.99)} ms, p99.9 ${at(busy, 0.999)} ms, ${busy.length} answered`,
        '',
      ].join('\n'),
    );
  } finally {
    for (const each of undo.reverse()) await each();
  }
}

/**
 * Milliseconds of CPU that scrapes take in a process of their own: unlike the time, nothing else on the machine is in it.
 *
 * The first is not rehearsed, the second comes after the rehearsal, as the first of a daemon does.
 */
async function cpuOfScrapes(): Promise<number[]> {
  const src = new URL('../../src/', import.meta.url).href;
  const program = `
    const { createMetrics } = await import('${src}observe/metrics.ts');
    const { createExposition, rehearseScrapes } = await import('${src}observe/exposition.ts');
    const { serverTallies } = await import('${src}upstream/upstream-tallies.ts');
    const metrics = createMetrics();
    serverTallies(metrics.upstream, 'udp://10.96.0.10');
    metrics.conformance.verdicts.set('cluster.local.', 'conforming');
    const exposition = createExposition(metrics.registry);
    const taken = [];
    for (let n = 0; n < 60; n++) {
      const before = process.cpuUsage();
      await exposition.render('application/openmetrics-text');
      const { user, system } = process.cpuUsage(before);
      taken.push((user + system) / 1_000);
      if (n === 0) await rehearseScrapes(exposition);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    console.log(JSON.stringify(taken));
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', program],
    { env: productEnv() },
  );
  return JSON.parse(stdout);
}

const QUESTION = { qname: 'git.example.com.', qtype: RrType.A, qclass: RrClass.IN };

/** How long each hit took, in milliseconds. */
async function hits(port: number): Promise<number[]> {
  const socket = createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const sentAt = new Map<number, number>();
  const took: number[] = [];
  socket.on('message', (octets) => {
    const sent = sentAt.get(octets.readUInt16BE(0));
    if (sent !== undefined) took.push(performance.now() - sent);
  });
  const started = performance.now();
  for (let n = 0; performance.now() - started < SPAN; ) {
    const due = (RATE * (performance.now() - started)) / 1_000;
    for (; n < due; n++) {
      const id = n & 0xffff;
      sentAt.set(id, performance.now());
      socket.send(buildQuery(QUESTION, { id, checkingDisabled: false, edns: undefined }));
    }
    await wait(1);
  }
  await wait(100);
  socket.close();
  return took;
}

/** In a thread of its own, so that it holds up no clock of the hits; the client is loaded before it measures. */
const SCRAPER = `
const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
const scrapes = [];
let ended = false;
parentPort.once('message', () => { ended = true; });
(async () => {
  await (await fetch(workerData + '/healthz')).text();
  while (!ended) {
    const started = performance.now();
    const body = await (await fetch(workerData + '/metrics')).text();
    scrapes.push({ ms: performance.now() - started, octets: body.length });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  parentPort.postMessage(scrapes);
})();
`;

function at(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  ).toFixed(2);
}

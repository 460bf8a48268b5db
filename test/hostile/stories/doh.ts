import { Rcode } from '../../../src/wire/codes.ts';
import { type Client, udpClient } from '../clients.ts';
import { type DohFault, type HostileDoh, startDoh } from '../doh-upstream.ts';
import { type HostileWorld, type Owner, startWorld } from '../hostile-daemon.ts';
import { addressOf } from '../hostile-upstream.ts';

/** How questions fared at a DoH server that spoils half of its responses. */
export interface DohFigures {
  readonly questions: number;
  readonly answered: number;
  /** With SERVFAIL. */
  readonly failed: number;
  /** Answered neither right nor with SERVFAIL. */
  readonly wrong: number;
  /** Whose request was answered well, and whose client was not. */
  readonly denied: number;
  /** Requests of the question that cost most. */
  readonly most: number;
  readonly requests: number;
  /** Milliseconds until the last of them was told. */
  readonly slowest: number;
  /** MiB, half way and at the end. */
  readonly rss: readonly [number, number];
  readonly health: string;
}

const CLIENTS = 24;

/** A daemon and the server that it asks, which says the truth until it is told otherwise. */
export async function startDohWorld(
  t: Owner,
  method: 'get' | 'post',
  compiled = false,
): Promise<{ doh: HostileDoh; world: HostileWorld }> {
  const doh = await startDoh(t);
  return { doh, world: await startWorld(t, { compiled, upstreams: [doh.url(method)] }) };
}

/** Asks names that nobody has asked before, from 24 clients. */
export async function askOverDoh(
  t: Owner,
  { doh, world }: { doh: HostileDoh; world: HostileWorld },
  { fault, early, seconds }: { fault?: DohFault; early?: boolean; seconds: number },
): Promise<DohFigures> {
  Object.assign(doh, { fault, early: early === true, requests: 0 });
  doh.asked.clear();
  const count = { questions: 0, answered: 0, failed: 0, wrong: 0, denied: 0, most: 0, slowest: 0 };
  const askOne = async (client: Client): Promise<void> => {
    const qname = `n${count.questions++}.${fault ?? 'well'}${early ? '-early' : ''}.example.`;
    const { response, took } = await client.ask(qname);
    const { rcode, answer } = response.message;
    const requests = doh.asked.get(`${qname} A`) ?? [];
    doh.asked.delete(`${qname} A`);
    const isRight = answer.some(({ rdata }) => rdata.join('.') === addressOf(qname));
    if (isRight) count.answered++;
    else if (rcode === Rcode.SERVFAIL) count.failed++;
    else count.wrong++;
    if (!isRight && requests.includes(true)) {
      count.denied++;
      process.stderr.write(
        `${qname}: ${requests} and rcode ${rcode} after ${Math.round(took)} ms\n`,
      );
    }
    count.most = Math.max(count.most, requests.length);
    count.slowest = Math.max(count.slowest, Math.round(took));
  };
  const askUntil = async (end: number): Promise<number> => {
    await Promise.all(
      clients.map(async (client) => {
        while (performance.now() < end) await askOne(client);
      }),
    );
    return Math.round(world.memory().rss);
  };
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => udpClient(t, world.dns)));
  const halfway = await askUntil(performance.now() + seconds * 500);
  const rss = [halfway, await askUntil(performance.now() + seconds * 500)] as const;
  const { requests } = doh;
  doh.fault = undefined;
  return { ...count, requests, rss, health: await world.health() };
}

import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { atEnd } from '../support/lab-end.ts';
import { startWorker, type Worker } from '../support/lab-process.ts';
import type { Draw, Faults } from './draw.ts';

const run = promisify(execFile);

/** A pod for one draw at a time: clients and sidestub on its loopback, upstreams at the other end of a link. */
export interface Slot {
  readonly namespace: string;
  /** Where its servers may stand: outside of the pod, so that datagrams leave it and ICMP comes back. */
  readonly servers: readonly string[];
  readonly index: number;
}

/** Pods side by side, and one process that plays all of their upstreams. */
export interface Slots {
  readonly slots: readonly Slot[];
  open(slot: Slot, faults: readonly Faults[], routes: Draw['routes']): Promise<void>;
  /** The clients begin now. */
  start(slot: Slot, faults: readonly Faults[]): Promise<void>;
  /** @returns How many queries each server of the slot has had. */
  close(slot: Slot, faults: readonly Faults[]): Promise<number[]>;
  destroy(): Promise<void>;
}

let made = 0;

/** @param count - How many draws may run at a time. */
export async function makeSlots(count: number): Promise<Slots> {
  const prefix = `never-${process.pid}-${++made}`;
  const outside = `${prefix}-out`;
  const slots = Array.from({ length: count }, (_, index) => ({
    namespace: `${prefix}-${index}`,
    servers: [`10.99.${index}.1`, `10.99.${index}.3`],
    index,
  }));
  const namespaces = [outside, ...slots.map(({ namespace }) => namespace)];
  const remove = () => {
    for (const name of namespaces) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  };
  const forget = atEnd(remove);
  let worker: Worker;
  try {
    execFileSync('sh', ['-ec', layout(outside, slots)], { stdio: ['ignore', 'ignore', 'pipe'] });
    worker = await startWorker(outside, join(import.meta.dirname, 'upstream.ts'), {});
  } catch (error) {
    remove();
    throw error;
  }
  const timers = new Map<Slot, NodeJS.Timeout[]>();
  const forEach = async (slot: Slot, faults: readonly Faults[], what: Each) => {
    await Promise.all(faults.map((each, i) => what(slot.servers[i] ?? '', each)));
  };
  return {
    slots,
    open: async (slot, faults, routes) => {
      if (routes === 'both') await ipv6(slot, 'add');
      await forEach(slot, faults, async (address, each) => {
        if (each.tcp === 'dropped') await iptables(outside, '-A', `INPUT -d ${address} -p tcp`);
        await worker.call({ open: address, faults: each });
      });
    },
    start: async (slot, faults) => {
      const set: NodeJS.Timeout[] = [];
      timers.set(slot, set);
      await forEach(slot, faults, async (address, { refused }) => {
        if (refused === undefined) return;
        const rule = `OUTPUT -d ${address} -p udp${QUESTIONS[refused.family]}`;
        const begin = () => iptables(slot.namespace, '-A', rule);
        if (refused.from === 0) await begin();
        else set.push(setTimeout(() => void begin(), refused.from));
        // Where the trial has just ended, nothing is left of it.
        const end = () => iptables(slot.namespace, '-D', rule).catch(() => undefined);
        set.push(setTimeout(() => void end(), refused.to));
      });
      await forEach(slot, faults, (address) => worker.call({ start: address }));
    },
    close: async (slot, faults) => {
      for (const timer of timers.get(slot) ?? []) clearTimeout(timer);
      await iptables(slot.namespace, '-F', 'OUTPUT');
      // Where the pod has none, there is nothing to take away.
      await ipv6(slot, 'del').catch(() => undefined);
      const counts: number[] = [];
      await forEach(slot, faults, async (address, each) => {
        const { asked } = (await worker.call({ close: address })) as { asked: number };
        counts.push(asked);
        if (each.tcp === 'dropped') await iptables(outside, '-D', `INPUT -d ${address} -p tcp`);
      });
      return counts;
    },
    destroy: async () => {
      await worker.stop();
      remove();
      forget();
    },
  };
}

/** An address of its own gives the pod a route of that family. */
async function ipv6({ namespace, index }: Slot, action: 'add' | 'del'): Promise<void> {
  const address = [`fd99:${index}::2/64`, 'dev', 'eth0'];
  const more = action === 'add' ? ['nodad'] : [];
  await run('ip', ['-n', namespace, 'addr', action, ...address, ...more]);
}

type Each = (address: string, faults: Faults) => Promise<unknown>;

/** The end of QNAME, QTYPE and QCLASS: what shows in a datagram for which family it asks. */
const QUESTIONS = {
  both: '',
  A: ' -m string --algo bm --hex-string |0000010001|',
  AAAA: ' -m string --algo bm --hex-string |00001c0001|',
} as const;

/** Datagrams that OUTPUT drops are refused: `send` says EPERM. */
async function iptables(
  namespace: string,
  action: '-A' | '-D' | '-F',
  rule: string,
): Promise<void> {
  const what = action === '-F' ? rule : `${rule} --dport 53 -j DROP`;
  await run('ip', ['netns', 'exec', namespace, 'iptables', '-w', action, ...what.split(' ')]);
}

function layout(outside: string, slots: readonly Slot[]): string {
  const links = slots.flatMap(({ namespace, index, servers: [first = '', second = ''] }) => [
    `ip netns add ${namespace}`,
    `ip -n ${namespace} link set lo up`,
    `ip -n ${outside} link add s${index} type veth peer name eth0 netns ${namespace}`,
    `ip -n ${outside} addr add ${first}/24 dev s${index}`,
    `ip -n ${outside} addr add ${second}/24 dev s${index}`,
    `ip -n ${outside} link set s${index} up`,
    `ip -n ${namespace} addr add 10.99.${index}.2/24 dev eth0`,
    `ip -n ${namespace} link set eth0 up`,
  ]);
  return [`ip netns add ${outside}`, `ip -n ${outside} link set lo up`, ...links].join('\n');
}

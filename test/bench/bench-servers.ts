import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Milliseconds } from '../../src/clock.ts';
import { freePort } from '../support/free-port.ts';
import { type BenchProcess, CLIENT_CORE, startProcess } from './bench-process.ts';

/** Names `n0` to `n99999` of this zone have an address each. */
export const ZONE = 'bench.example';
export const NAMES = 100_000;
/** What a pod of the namespace `job` asks first for those names; nothing exists there. */
export const DENIED_ZONE = `${ZONE}.job.svc.cluster.local`;

/** Who is measured: sidestub with both kinds of I/O, caching forwarders of Debian, and an echo in C as the machine's limit. */
export const CONTESTANTS = [
  'sidestub',
  'sidestub-dgram',
  'unbound',
  'dnsdist',
  'dnsmasq',
  'knot-resolver',
  'pdns-recursor',
  'echo',
] as const;
export type Contestant = (typeof CONTESTANTS)[number];

const COMMANDS: Partial<Record<Contestant, string>> = {
  unbound: 'unbound',
  dnsdist: 'dnsdist',
  dnsmasq: 'dnsmasq',
  'knot-resolver': 'kresd',
  'pdns-recursor': 'pdns_recursor',
};
const CLI = process.env['SIDESTUB_CLI'] ?? join(import.meta.dirname, '../../dist/cli.js');
/** As the image and the systemd unit start it. */
export const V8_FLAGS = ['--max-semi-space-size=1', '--no-parallel-scavenge', '--v8-pool-size=1'];
/** From sidestub's port for queries to that of its status server. */
export const STATUS_OFFSET = 1_000;

/** An authoritative server with all the names and an empty cluster zone, and a place for everyone's files. */
export interface Bench {
  readonly folder: string;
  /** A contestant in front of it, or of another upstream on the loopback, after its first answer. */
  start(contestant: Contestant, place?: StartPlace): Promise<BenchProcess>;
  /** An upstream that knows every name and answers after a while; it runs on the clients' core. */
  startDelayed(delay: Milliseconds): Promise<BenchProcess>;
  /** The program made from a C source beside this file. */
  compiled(name: 'load' | 'echo' | 'delayed'): string;
  close(): Promise<void>;
}

/** Where a contestant listens, and the port of whom it asks. */
export interface StartPlace {
  readonly address?: string;
  readonly upstream?: number;
}

/** Those that this machine can start. */
export function available(): Contestant[] {
  return CONTESTANTS.filter((contestant) => {
    const command = COMMANDS[contestant];
    return command === undefined || spawnSync('which', [command]).status === 0;
  });
}

/** @throws {Error} Without nsd, taskset and gcc. */
export async function startBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-bench-'));
  const question = `n0.${ZONE}`;
  // And those behind it: two benchmarks at once would otherwise take each other's servers for their own.
  let port = await freePort();
  const origin = { address: '127.0.0.1', port };
  const nsd = await startProcess(nsdCommand(folder, origin.port), origin, question);
  return {
    folder,
    compiled: (name) => compileProgram(folder, name),
    start: (contestant, { address = '127.0.0.1', upstream = origin.port } = {}) => {
      port++;
      const place = { folder, address, port, upstream };
      const argv =
        contestant === 'echo'
          ? [compileProgram(folder, 'echo'), address, String(port)]
          : commandOf(contestant, place);
      return startProcess(argv, { address, port }, question);
    },
    startDelayed: (delay) => {
      port++;
      const argv = [compileProgram(folder, 'delayed'), String(port), String(delay * 1_000)];
      return startProcess(argv, { address: '127.0.0.1', port }, question, CLIENT_CORE);
    },
    close: async () => {
      await nsd.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The program made from a C source beside this file, once in a folder. @throws {Error} If gcc objects. */
export function compileProgram(folder: string, name: string): string {
  const program = join(folder, name);
  if (existsSync(program)) return program;
  const source = join(import.meta.dirname, `${name}.c`);
  const { status, stderr } = spawnSync('gcc', ['-O2', '-o', program, source, '-lm']);
  if (status !== 0) throw new Error(`gcc ${name}.c: ${stderr}`);
  return program;
}

interface Place {
  readonly folder: string;
  readonly address: string;
  readonly port: number;
  readonly upstream: number;
}

function nsdCommand(folder: string, port: number): string[] {
  const names = Array.from(
    { length: NAMES },
    (_, i) => `n${i} A 192.0.${(i >> 8) & 0xff}.${i & 0xff}\n`,
  );
  const zones = [
    zoneOf(folder, ZONE, 60, ['ns A 192.0.2.1\n', ...names]),
    // With what every cluster has, or no cut would be believed (N2); kubeadm's Corefile says 30 s.
    zoneOf(folder, 'cluster.local', 30, [
      'ns A 10.96.0.10\nkubernetes.default.svc A 10.96.0.1\nweb.job.svc A 10.96.0.2\n',
    ]),
  ];
  const conf = write(
    folder,
    'nsd.conf',
    `server:\n  ip-address: 127.0.0.1@${port}\n  username: ""\n  zonesdir: "${folder}"\n  database: ""\n` +
      `  pidfile: "${folder}/nsd.pid"\n  xfrdfile: "${folder}/xfrd"\n  zonelistfile: "${folder}/zones"\n` +
      // Or it drops what is denied more often than 200 times a second.
      `  rrl-ratelimit: 0\n` +
      `remote-control:\n  control-enable: no\n${zones.join('')}`,
  );
  return ['nsd', '-d', '-c', conf];
}

/** Writes a zone's file. @returns What nsd has to know of it. */
function zoneOf(folder: string, zone: string, minimum: number, records: readonly string[]): string {
  const head = `$ORIGIN ${zone}.\n$TTL 86400\n@ SOA ns hostmaster 1 3600 600 86400 ${minimum}\n@ NS ns\n`;
  const file = write(folder, zone, head + records.join(''));
  return `zone:\n  name: ${zone}\n  zonefile: "${file}"\n`;
}

/**
 * Each as a plain caching forwarder with one thread: its defaults, room for all the names, for many queries of a connection and for 5,000
 * in flight, and the socket buffer that sidestub asks for where there is a setting for it.
 */
function commandOf(contestant: Exclude<Contestant, 'echo'>, place: Place): string[] {
  switch (contestant) {
    case 'sidestub':
      return sidestub(place, 'batch');
    case 'sidestub-dgram':
      return sidestub(place, 'dgram');
    case 'unbound':
      return unbound(place);
    case 'dnsdist':
      return dnsdist(place);
    case 'dnsmasq':
      return dnsmasq(place);
    case 'knot-resolver':
      return knotResolver(place);
    case 'pdns-recursor':
      return pdnsRecursor(place);
  }
}

function sidestub({ folder, address, port, upstream }: Place, io: string): string[] {
  const endpoint = address.includes(':') ? `"[${address}]:${port}"` : `${address}:${port}`;
  const search = 'search job.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n';
  const conf = write(folder, `resolv-${port}.conf`, `nameserver 127.0.0.1\n${search}`);
  const config = write(
    folder,
    `sidestub-${port}.yaml`,
    `listen: { addresses: [${endpoint}], io: ${io} }\nresolvConf: ${conf}\nupstreams: ["udp://127.0.0.1:${upstream}"]\n` +
      `status: { address: "127.0.0.1:${port + STATUS_OFFSET}" }\nlog: { level: warn }\ncache: { octets: 64MiB }\n`,
  );
  return [process.execPath, ...V8_FLAGS, CLI, 'run', '--config', config];
}

function unbound({ folder, address, port, upstream }: Place): string[] {
  const server = [
    `interface: ${address}@${port}`,
    'do-daemonize: no',
    'username: ""',
    'chroot: ""',
    'pidfile: ""',
    'use-syslog: no',
    'num-threads: 1',
    'module-config: "iterator"',
    'do-not-query-localhost: no',
    'msg-cache-size: 64m',
    'rrset-cache-size: 64m',
    'stream-wait-size: 64m',
    'outgoing-range: 8192',
    'num-queries-per-thread: 8192',
    'so-rcvbuf: 4m',
    // Debian has it in 1.17 too: 1,000 questions of one client address, and here is only one.
    'wait-limit: 0',
  ];
  const lines = server.map((line) => `  ${line}\n`).join('');
  const forward = `forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@${upstream}\n`;
  const off = 'remote-control:\n  control-enable: no\n';
  return [
    'unbound',
    '-d',
    '-c',
    write(folder, `unbound-${port}.conf`, `server:\n${lines}${off}${forward}`),
  ];
}

function dnsdist({ folder, address, port, upstream }: Place): string[] {
  const local = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const config = write(
    folder,
    `dnsdist-${port}.conf`,
    `setUDPSocketBufferSizes(4194304, 4194304)\nsetMaxUDPOutstanding(65535)\nsetLocal('${local}', { maxInFlight = 100 })\n` +
      `newServer({ address = '127.0.0.1:${upstream}', sockets = 64 })\ngetPool(''):setCache(newPacketCache(200000))\n`,
  );
  return ['dnsdist', '--supervised', '--disable-syslog', '-C', config];
}

function dnsmasq({ address, port, upstream }: Place): string[] {
  const listen = [
    `--listen-address=${address}`,
    `--port=${port}`,
    '--bind-interfaces',
    '--user=root',
    '--pid-file=',
  ];
  const forward = [
    '--no-resolv',
    '--no-hosts',
    `--server=127.0.0.1#${upstream}`,
    '--dns-forward-max=10000',
  ];
  return [
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--cache-size=200000',
    ...listen,
    ...forward,
  ];
}

function knotResolver({ folder, address, port, upstream }: Place): string[] {
  const config = write(
    folder,
    `kresd-${port}.conf`,
    `net.listen('${address}', ${port}, { kind = 'dns' })\ntrust_anchors.remove('.')\ncache.size = 100 * MB\n` +
      `policy.add(policy.all(policy.STUB('127.0.0.1@${upstream}')))\n`,
  );
  return ['kresd', '-n', '-q', '-c', config, mkdtempSync(join(folder, 'kresd-'))];
}

function pdnsRecursor({ folder, address, port, upstream }: Place): string[] {
  const own = mkdtempSync(join(folder, 'pdns-'));
  const lines = [
    `local-address=${address}`,
    `local-port=${port}`,
    `forward-zones-recurse=.=127.0.0.1:${upstream}`,
    'dont-query=',
    'threads=1',
    'max-concurrent-requests-per-tcp-connection=100',
    'daemon=no',
    'dnssec=off',
    'disable-syslog=yes',
    'setuid=',
    'setgid=',
    `socket-dir=${own}`,
  ];
  write(own, 'recursor.conf', `${lines.join('\n')}\n`);
  return ['pdns_recursor', `--config-dir=${own}`];
}

function write(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

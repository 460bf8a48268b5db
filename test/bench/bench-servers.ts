import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BenchProcess, startProcess } from './bench-process.ts';

/** Names `n0` to `n99999` of this zone have an address each. */
export const ZONE = 'bench.example';
export const NAMES = 100_000;

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
const V8_FLAGS = ['--max-semi-space-size=1'];
const FIRST_PORT = 5_400;

/** An authoritative server with all the names, and a place for everyone's files. */
export interface Bench {
  readonly folder: string;
  /** A contestant in front of it, after its first answer. */
  start(contestant: Contestant, address?: string): Promise<BenchProcess>;
  /** The program made from a C source beside this file. */
  compiled(name: 'load' | 'echo'): string;
  close(): Promise<void>;
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
  const compiled = (name: string): string => {
    const program = join(folder, name);
    if (existsSync(program)) return program;
    const source = join(import.meta.dirname, `${name}.c`);
    const { status, stderr } = spawnSync('gcc', ['-O2', '-o', program, source]);
    if (status !== 0) throw new Error(`gcc ${name}.c: ${stderr}`);
    return program;
  };
  const question = `n0.${ZONE}`;
  const origin = { address: '127.0.0.1', port: FIRST_PORT };
  const nsd = await startProcess(nsdCommand(folder, origin.port), origin, question);
  let port = FIRST_PORT;
  return {
    folder,
    compiled,
    start: (contestant, address = '127.0.0.1') => {
      port++;
      const place = { folder, address, port, upstream: origin.port };
      const argv =
        contestant === 'echo'
          ? [compiled('echo'), address, String(port)]
          : commandOf(contestant, place);
      return startProcess(argv, { address, port }, question);
    },
    close: async () => {
      await nsd.stop();
      rmSync(folder, { recursive: true });
    },
  };
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
  const head = `$ORIGIN ${ZONE}.\n$TTL 86400\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n`;
  const zone = write(folder, 'zone', head + names.join(''));
  const conf = write(
    folder,
    'nsd.conf',
    `server:\n  ip-address: 127.0.0.1@${port}\n  username: ""\n  zonesdir: "${folder}"\n  database: ""\n` +
      `  pidfile: "${folder}/nsd.pid"\n  xfrdfile: "${folder}/xfrd"\n  zonelistfile: "${folder}/zones"\n` +
      `remote-control:\n  control-enable: no\nzone:\n  name: ${ZONE}\n  zonefile: "${zone}"\n`,
  );
  return ['nsd', '-d', '-c', conf];
}

/** Each as a plain caching forwarder with one thread: its defaults, and room for all the names. */
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
  const conf = write(folder, `resolv-${port}.conf`, 'nameserver 127.0.0.1\n');
  const config = write(
    folder,
    `sidestub-${port}.yaml`,
    `listen: { addresses: [${endpoint}], io: ${io} }\nresolvConf: ${conf}\nupstreams: ["udp://127.0.0.1:${upstream}"]\n` +
      `status: { address: "127.0.0.1:${port + 1_000}" }\nlog: { level: warn }\ncache: { octets: 64MiB }\n`,
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
    `setLocal('${local}')\nnewServer('127.0.0.1:${upstream}')\ngetPool(''):setCache(newPacketCache(200000))\n`,
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

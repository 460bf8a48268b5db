import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Endpoint, formatEndpoint } from '../../src/endpoint.ts';

/** Debian's resolvers that can stand where sidestub does. */
export const PEERS = ['dnsmasq', 'unbound', 'dnsdist', 'bind9'] as const;
export type Peer = (typeof PEERS)[number];

/** The program of each. */
export const PROGRAMS: Readonly<Record<Peer, string>> = {
  dnsmasq: 'dnsmasq',
  unbound: 'unbound',
  dnsdist: 'dnsdist',
  bind9: 'named',
};

/** Whom a forwarder asks, and how. */
export interface Upstreams {
  readonly servers: readonly Endpoint[];
  /** `equal`: whoever is best. `ordered`: the next one only where the one before fails. */
  readonly order?: 'equal' | 'ordered';
  /** Over TLS, from servers that prove by a certificate of this CA to have this name. */
  readonly tls?: { readonly caFile: string; readonly name: string };
}

/** Whether a peer can ask upstreams like this at all. */
export function canAsk(peer: Peer, { order, tls }: Pick<Upstreams, 'order' | 'tls'>): boolean {
  // Debian 12's bind9 forwards in clear text alone; neither it nor unbound keeps an order.
  if (tls !== undefined) return peer === 'unbound' || peer === 'dnsdist';
  return order !== 'ordered' || peer === 'dnsmasq' || peer === 'dnsdist';
}

/** Where a forwarder listens, and a folder for its files. */
export interface Place {
  readonly folder: string;
  readonly listen: Endpoint;
}

/**
 * The command that runs a peer in the foreground as a caching forwarder with one thread, and its defaults for the rest.
 * None of them validates: a cluster zone is not signed.
 */
export function peerCommand(peer: Peer, upstreams: Upstreams, place: Place): readonly string[] {
  return commands[peer](upstreams, place);
}

type Command = (upstreams: Upstreams, place: Place) => readonly string[];

const commands: Readonly<Record<Peer, Command>> = {
  dnsmasq: ({ servers, order }, { listen: { address, port } }) => {
    const asked = servers.map((server) => `--server=${server.address}#${server.port}`);
    return [
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'],
      ...[`--listen-address=${address}`, `--port=${port}`, '--bind-interfaces', '--user=root'],
      ...['--pid-file=', '--dns-forward-max=10000'],
      ...(order === 'ordered' ? ['--strict-order'] : []),
      ...asked,
    ];
  },
  unbound: ({ servers, tls }, { folder, listen: { address, port } }) => {
    const server = [
      ...[`interface: ${address}@${port}`, 'do-daemonize: no', 'username: ""', 'chroot: ""'],
      ...['pidfile: ""', 'use-syslog: no', 'num-threads: 1', 'module-config: "iterator"'],
      'do-not-query-localhost: no',
      ...(tls === undefined ? [] : [`tls-cert-bundle: "${tls.caFile}"`]),
    ];
    const name = tls === undefined ? '' : `#${tls.name}`;
    const forward = [
      'name: "."',
      ...(tls === undefined ? [] : ['forward-tls-upstream: yes']),
      ...servers.map((each) => `forward-addr: ${each.address}@${each.port}${name}`),
    ];
    const text = [
      ...['server:', ...server.map(indented), 'remote-control:', '  control-enable: no'],
      ...['forward-zone:', ...forward.map(indented), ''],
    ].join('\n');
    return ['unbound', '-d', '-c', write(folder, 'unbound.conf', text)];
  },
  dnsdist: ({ servers, order, tls }, { folder, listen }) => {
    const secure =
      tls === undefined
        ? ''
        : `, tls='openssl', subjectName='${tls.name}', caStore='${tls.caFile}', validateCertificates=true`;
    const lines = [
      `setLocal('${formatEndpoint(listen)}')`,
      ...servers.map(
        (server, i) => `newServer({address='${formatEndpoint(server)}', order=${i}${secure}})`,
      ),
      ...(order === 'ordered' ? ['setServerPolicy(firstAvailable)'] : []),
      `getPool(''):setCache(newPacketCache(10000))`,
    ];
    const config = write(folder, 'dnsdist.conf', `${lines.join('\n')}\n`);
    return ['dnsdist', '--supervised', '--disable-syslog', '-C', config];
  },
  bind9: ({ servers }, { folder, listen: { address, port } }) => {
    const asked = servers.map((each) => `${each.address} port ${each.port};`).join(' ');
    const options = [
      ...[`directory "${folder}"`, `listen-on port ${port} { ${address}; }`],
      ...['listen-on-v6 { none; }', 'pid-file none', 'session-keyfile none', 'recursion yes'],
      ...['dnssec-validation no', `forwarders { ${asked} }`, 'forward only'],
    ];
    const text = `options {\n${options.map((each) => `  ${each};\n`).join('')}};\ncontrols {};\n`;
    return ['named', '-g', '-n', '1', '-c', write(folder, 'named.conf', text)];
  },
};

function indented(line: string): string {
  return `  ${line}`;
}

function write(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

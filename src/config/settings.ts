import type { Milliseconds } from '../clock.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Prefix } from '../listen/allow-list.ts';
import type { LaneOrder } from '../upstream/lanes.ts';
import type { ServerAddress } from '../upstream/server-address.ts';
import type { Name } from '../wire/name.ts';
import type { Seconds } from '../wire/record.ts';

/**
 * The effective configuration: every value is there, checked, and in the unit of its type.
 *
 * What each value means, may be and is by default stands in one table: `settingTable` in schema.ts.
 */
export interface Settings {
  readonly listen: {
    readonly addresses: readonly Endpoint[];
    /** Who may ask; everybody where it is empty. */
    readonly allow: readonly Prefix[];
    /** How datagrams are taken: many in one system call, or by node:dgram. */
    readonly io: 'auto' | 'dgram' | 'batch';
  };
  /** How many threads answer, each with a cache of its own. */
  readonly threads: number;
  readonly tcp: {
    readonly maxConnections: number;
    readonly maxConnectionsPerClient: number;
    /** Of one connection. */
    readonly maxInFlight: number;
    readonly idle: Milliseconds;
    /** Of a connection in all. */
    readonly life: Milliseconds;
  };
  readonly limits: {
    /** Distinct questions that wait for upstream. */
    readonly flights: number;
    /** UDP sockets that are open to one upstream server. */
    readonly upstreamSockets: number;
  };
  /** The file that names the default upstreams and suffixes. */
  readonly resolvConf: string;
  /** Where to write a resolv.conf that names this server alone. */
  readonly publishResolvConf: string | undefined;
  readonly upstreams: UpstreamGroups;
  readonly routes: readonly RouteSettings[];
  readonly search: {
    readonly mode: 'prove' | 'assume' | 'off';
    readonly suffixes: readonly Name[];
    readonly ndots: number;
    /** Names whose expansions are always NXDOMAIN (N6). */
    readonly pin: readonly Name[];
    /** Suffixes and bases that nothing is assumed of (N5). */
    readonly keep: readonly Name[];
    /** Whether answers of a suffix that answers everything give way to the base's (N8). */
    readonly wildcardGuard: boolean;
    /** Whether a walk is answered whole at its first step (N10). */
    readonly collapse: boolean;
    /** Top-level labels whose bases are asked before `<tld>.svc.Z` is known not to exist (N4). */
    readonly public: readonly string[];
  };
  /** The cluster zone Z (N1); `undefined` outside a cluster. */
  readonly cluster: { readonly domain: Name | undefined };
  readonly families: {
    readonly order: LaneOrder;
    readonly repair: boolean;
    /** Whether AAAA is answered with NODATA and never asked (F6). */
    readonly aaaa: 'pass' | 'auto' | 'filter';
  };
  readonly cache: {
    readonly octets: number;
    readonly negativeOctets: number;
    readonly minTtl: Seconds;
    readonly maxTtl: Seconds;
  };
  /** A hosts file to answer from (L6). */
  readonly hosts: string | undefined;
  /** Whether walks are rehearsed at start. */
  readonly rehearsal: boolean;
  readonly ready: {
    /** As a program writes them: with a dot at the end no search list applies. */
    readonly names: readonly string[];
  };
  readonly status: {
    readonly address: Endpoint | undefined;
    readonly page: 'auto' | 'on' | 'off';
    /** Whether the page may name what was looked up (S4). */
    readonly names: boolean;
  };
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    readonly format: 'auto' | 'json' | 'text';
  };
  readonly queryLog: {
    /** The path of a file, or `stdout`. */
    readonly to: string | undefined;
    /** Of so many queries one is logged. */
    readonly sample: number;
  };
  readonly shutdown: {
    /** How long it goes on as before, but for being ready: what leads clients to it learns of its end meanwhile. */
    readonly lameduck: Milliseconds;
    readonly grace: Milliseconds;
    /** A file that gets the totals at the end. */
    readonly message: string | undefined;
  };
}

/** Groups in the order they are asked, each of servers that are equals (U1). */
export type UpstreamGroups = readonly (readonly ServerAddress[])[];

/** A zone that has upstreams of its own (U1). */
export interface RouteSettings {
  readonly zone: Name;
  readonly upstreams: UpstreamGroups;
}

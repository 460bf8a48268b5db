import * as v from 'valibot';
import type { LaneOrder } from '../upstream/lanes.ts';
import { parseServerAddress, type ServerAddress } from '../upstream/server-address.ts';
import { readRoots } from '../upstream/trusted-roots.ts';
import type { Name } from '../wire/name.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { describe, domainName, type Kind, text, type Written, wordsOf } from './kind.ts';

/** Groups in the order in which they are asked, each of servers that are equals (U1). */
export type UpstreamGroups = readonly (readonly ServerAddress[])[];

/** A zone with upstreams of its own (U1). */
export interface RouteSettings {
  readonly zone: Name;
  readonly upstreams: UpstreamGroups;
}

/** A pod has a handful of servers at most; each costs sockets, a metric label and a failure memory (S1). */
const MAX_GROUPS = 16;
const MAX_EQUALS = 16;
/** Metrics have one series for each route's servers (S1). */
const MAX_ROUTES = 64;

/** Groups of equals in the order they are asked (U1): `A,B C` in one text, a list of texts or of lists in YAML. */
export function serverGroups(): Kind<UpstreamGroups> {
  return {
    allowed: `list of 1 to ${MAX_GROUPS} server URLs in the order they are asked; servers that are equals are a list of their own, or have commas between`,
    schema: v.pipe(
      v.unknown(),
      v.transform((input) => (typeof input === 'string' ? wordsOf(input) : input)),
      v.array(group(), (issue) => `${describe(issue.input)}, not a list of servers`),
      v.minLength(1, 'no server in the list'),
      v.maxLength(MAX_GROUPS, (issue) => `${issue.received} groups, must be at most ${MAX_GROUPS}`),
    ),
    format: formatGroups,
  };
}

/** Zones with upstreams of their own: `corp.example=A,B` in one text, mappings in YAML. */
export function routes(): Kind<readonly RouteSettings[]> {
  const route = v.objectWithRest(
    { zone: domainName().schema, upstreams: serverGroups().schema },
    v.never(),
    (issue) =>
      issue.expected?.startsWith('"')
        ? `route without ${issue.expected.replaceAll('"', '')}`
        : `${describe(issue.input)}, not a route with zone and upstreams`,
  );
  return {
    allowed: `list of up to ${MAX_ROUTES} mappings with zone and upstreams; ZONE=SERVER in one text`,
    schema: v.pipe(
      v.unknown(),
      v.transform((input) => (typeof input === 'string' ? wordsOf(input).map(routeOf) : input)),
      v.array(route, (issue) => `${describe(issue.input)}, not a list of routes`),
      v.maxLength(MAX_ROUTES, (issue) => `${issue.received} routes, must be at most ${MAX_ROUTES}`),
      v.checkItems(
        (item, index, all) => all.findIndex(({ zone }) => zone === item.zone) === index,
        'zone has a route already',
      ),
    ),
    format: (value) =>
      value.map(({ zone, upstreams }) => ({
        zone: domainName().format(zone),
        upstreams: formatGroups(upstreams),
      })),
  };
}

/** Keys of a route, to suggest one for a mistyped key. */
export const ROUTE_KEYS = ['zone', 'upstreams'] as const;

/** When the two queries of a pair are sent upstream (F2). */
export function laneOrder(): Kind<LaneOrder> {
  return text('serial, auto, staggered:DELAY or parallel', readLaneOrder, (order) =>
    order.kind === 'staggered' ? `staggered:${formatDuration(order.delay)}` : order.kind,
  );
}

function readLaneOrder(written: string): LaneOrder {
  if (written === 'serial' || written === 'auto' || written === 'parallel') {
    return { kind: written };
  }
  const [kind, delay, ...more] = written.split(':');
  if (kind !== 'staggered' || delay === undefined || more.length > 0) {
    throw new Error(`not serial, auto, staggered:20ms or parallel: ${JSON.stringify(written)}`);
  }
  const span = parseDuration(delay);
  // A longer delay would have no effect: the retransmission timer never waits longer than this (U2).
  if (span < 1 || span > MAX_STAGGER) {
    throw new Error(`delay must be 1ms to ${formatDuration(MAX_STAGGER)}: ${written}`);
  }
  return { kind: 'staggered', delay: span };
}

const MAX_STAGGER = 400;

function server(): Kind<ServerAddress> {
  return text('server URL', readServer, ({ name }) => name);
}

/**
 * The CA file is read here too. If a mistake showed only at the first question, it would look like a failing server
 * (S3).
 */
function readServer(written: string): ServerAddress {
  const address = parseServerAddress(written);
  const secure = address.transport === 'tls' || address.transport === 'https';
  if (secure && address.authentication.caFile !== undefined) {
    readRoots(address.authentication.caFile);
  }
  return address;
}

function group(): v.GenericSchema<unknown, readonly ServerAddress[]> {
  return v.pipe(
    v.unknown(),
    v.transform((input) => (typeof input === 'string' ? input.split(',') : input)),
    v.array(
      server().schema,
      (issue) => `${describe(issue.input)}, not a server or a list of equals`,
    ),
    v.minLength(1, 'no server in the group'),
    v.maxLength(MAX_EQUALS, (issue) => `${issue.received} equals, must be at most ${MAX_EQUALS}`),
  );
}

function formatGroups(groups: UpstreamGroups): Written {
  return groups.map((equals) => {
    const [first, ...others] = equals.map(({ name }) => name);
    return first !== undefined && others.length === 0 ? first : equals.map(({ name }) => name);
  });
}

/** A word without `=` becomes a route without upstreams, which the schema then rejects in those words. */
function routeOf(word: string): Written {
  const equals = word.indexOf('=');
  if (equals === -1) return { zone: word };
  return { zone: word.slice(0, equals), upstreams: [word.slice(equals + 1)] };
}

import type { FailureReason } from '../vocabulary.ts';
import { duration, share } from './status-text.ts';
import { quantile, type StatusView } from './status-view.ts';

/** What a reader of the page should know first. */
export interface Finding {
  readonly level: 'bad' | 'warn' | 'good';
  readonly what: string;
  /** What the reader should look at next. */
  readonly next: string;
}

/** With fewer answers a share says nothing. */
const ENOUGH = 20;
/** The bounds of the alerts SidestubErrorsHigh and SidestubUpstreamLossy. */
const MANY_SERVFAILS = 0.01;
const MANY_RESENDS = 0.05;
/** Seconds; no lookup may take longer. */
const SLOW = 1;
/** A job usually asks something within so many seconds. */
const QUIET = 30;

/** What needs attention at this moment, the worst first; or that nothing does. */
export function findings(view: StatusView): readonly Finding[] {
  const all = [
    notReady(view),
    bugs(view),
    ...failingUpstreams(view),
    servfails(view),
    slowLookups(view),
    loss(view),
    nonconforming(view),
    nobodyAsks(view),
  ].filter((finding) => finding !== undefined);
  return all.length === 0 ? [fine(view)] : all;
}

function notReady({ ready, reasons }: StatusView): Finding | undefined {
  if (ready) return undefined;
  return {
    level: 'bad',
    what: `Not ready: ${reasons.join('; ')}.`,
    next: 'Ask the upstream below from this pod: if it is silent there too, it is the network or the cluster DNS.',
  };
}

function bugs({ bugs }: StatusView): Finding | undefined {
  if (bugs === 0) return undefined;
  return {
    level: 'bad',
    what: `It met ${bugs} of its own bugs; the clients concerned got SERVFAIL.`,
    next: 'The event bug in the log has the stack: please report it.',
  };
}

function failingUpstreams({ upstreams }: StatusView): Finding[] {
  const failing = upstreams.filter(({ dead, trouble }) => dead || trouble === 'malformed');
  const level = failing.length === upstreams.length ? 'bad' : 'warn';
  const byReason = Map.groupBy(failing, ({ trouble = 'timeout' }) => trouble);
  return Array.from(byReason, ([reason, servers]) => {
    const names = servers.map(({ name }) => name).join(', ');
    return { level, what: `${names}: ${troubles[reason]}.`, next: nextFor(reason, level) };
  });
}

const troubles: Readonly<Record<FailureReason, string>> = {
  timeout: 'no answer',
  refused: 'refused, nothing listens there',
  network: 'cannot be reached',
  local: 'this machine refuses to send to it',
  malformed: 'its replies cannot be read',
  untrusted: 'it is not who it should be',
  full: 'too many questions are out',
  closed: 'its connection was closed',
};

function nextFor(reason: FailureReason, level: 'bad' | 'warn'): string {
  if (reason === 'malformed') {
    return 'Ask it directly from this pod: it is no DNS server, or something on the way damages its replies.';
  }
  return level === 'bad'
    ? 'Only what is cached can be looked up. Look at the cluster DNS and the way to it.'
    : 'The others are asked first, and it is probed in the background: no lookup waits for it.';
}

function servfails({ stretch, totals }: StatusView): Finding | undefined {
  const answers = [...stretch.answered.values()].reduce((sum, count) => sum + count, 0);
  if (answers < ENOUGH || stretch.servfails <= MANY_SERVFAILS * answers) return undefined;
  const reasons = Object.entries(totals.failures).filter(([, count]) => count > 0);
  const why = reasons.map(([reason, count]) => `${reason} ${count}`).join(', ');
  return {
    level: 'bad',
    what: `${share(stretch.servfails, answers)} of the answers are SERVFAIL.`,
    next:
      why === ''
        ? 'Upstream itself says so: ask it directly for one of the names.'
        : `Questions that no upstream answered since the start: ${why}.`,
  };
}

function slowLookups({ stretch }: StatusView): Finding | undefined {
  const p99 = quantile(stretch.lookups, 0.99);
  if (p99 === undefined || p99 <= SLOW) return undefined;
  return {
    level: 'bad',
    what: `One lookup in a hundred takes ${duration(p99)}.`,
    next: 'Open the last of them below: each says what it waited for.',
  };
}

function loss({ stretch }: StatusView): Finding | undefined {
  const { resends, rescues, upstreamQueries } = stretch;
  if (upstreamQueries < ENOUGH || resends <= MANY_RESENDS * upstreamQueries) return undefined;
  return {
    level: 'warn',
    what: `${share(resends, upstreamQueries)} of the questions have to be sent again.`,
    next:
      2 * rescues >= resends
        ? 'Datagrams get lost on the way to upstream: a full conntrack table, a throttled cluster DNS, a bad link.'
        : 'Answers come, but later than they used to: the cluster DNS is throttled, overloaded or far away.',
  };
}

function nonconforming({ zones }: StatusView): Finding | undefined {
  const bad = zones.filter(({ state }) => state === 'nonconforming').map(({ zone }) => zone);
  if (bad.length === 0) return undefined;
  return {
    level: 'warn',
    what: `${bad.join(', ')} does not deny names as proofs need.`,
    next: 'Answers are right; each step of a search goes upstream. The event conformance in the log has the reason.',
  };
}

function nobodyAsks({ totals }: StatusView): Finding | undefined {
  if (totals.queries > 0 || totals.uptimeSeconds < QUIET) return undefined;
  return {
    level: 'warn',
    what: `No program has asked anything for ${duration(totals.uptimeSeconds)}.`,
    next: 'Does /etc/resolv.conf in their containers name this address, and no other?',
  };
}

function fine({ totals: { lookups, failed, slow } }: StatusView): Finding {
  const past =
    failed + slow === 0
      ? 'no lookup has failed or taken more than a second'
      : `since the start, ${failed} of ${lookups} lookups failed and ${slow} took more than a second`;
  return { level: 'good', what: 'Nothing stands out now;', next: `${past}.` };
}

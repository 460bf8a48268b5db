import { Tally, TallySet } from '../../src/observe/tally.ts';
import type { UpstreamTallies } from '../../src/upstream/upstream-tallies.ts';
import { FAILURE_REASONS, TCP_FALLBACKS, UPSTREAM_TRANSPORTS } from '../../src/vocabulary.ts';

/** All at 0, and no server yet. */
export function createUpstreamTallies(): UpstreamTallies {
  return {
    sends: new TallySet(UPSTREAM_TRANSPORTS),
    retransmissions: new Tally(),
    rescues: new Tally(),
    tcpFallbacks: new TallySet(TCP_FALLBACKS),
    ednsFallbacks: new Tally(),
    mismatched: new Tally(),
    malformed: new Tally(),
    failovers: new Tally(),
    failures: new TallySet(FAILURE_REASONS),
    orderChanges: new Tally(),
    servers: new Map(),
  };
}

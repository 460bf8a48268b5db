import type { Milliseconds } from '../../src/clock.ts';
import type { Break } from '../rules/breaks.ts';
import { type Draw, type Faults, SOUND, SOUND_DRAW } from './draw.ts';

/** What sidestub once did wrong, as changes to its source: the draws have to find each of them. */
export interface OldFault {
  readonly name: string;
  readonly edits: readonly Pick<Break, 'file' | 'old' | 'broken'>[];
  /** By which it was found, where chance meets one in a thousand draws: it is tried first. */
  readonly draw?: Draw;
}

const ASK = 'src/upstream/ask.ts';
const FAMILIES = 'src/resolve/families.ts';

export const OLD_FAULTS: readonly OldFault[] = [
  {
    name: 'a denial whose time is over is told while upstream answers',
    edits: [
      {
        file: 'src/resolve/serve-stale.ts',
        old: "if (when === 'away') return Number.POSITIVE_INFINITY;",
        broken: 'if (when !== undefined) return now + 1;',
      },
      {
        file: 'src/resolve/stale-answers.ts',
        old: "return isDeniable ? { answer, when: 'away' } : undefined;",
        broken: "return { answer, when: 'away' };",
      },
    ],
  },
  {
    name: 'a datagram that the kernel refuses makes NODATA of its family (F5)',
    edits: [
      {
        file: FAMILIES,
        old: 'pairs.mayRepair(query) && !isRefusal(error)',
        broken: 'pairs.mayRepair(query)',
      },
      {
        file: FAMILIES,
        old: 'pairs.mayRepair(query) && answer.message.undelivered !== true',
        broken: 'pairs.mayRepair(query)',
      },
      {
        file: FAMILIES,
        old: 'if (pairs.wasRefused(query, started)) {',
        broken: 'if (started < 0) {',
      },
    ],
  },
  {
    name: 'three sends within 0.45 s, and none after',
    edits: [
      {
        file: ASK,
        old: "if (this.isThere || this.sends.count('udp') < 2) this.resend();",
        broken: 'this.resend();',
      },
      { file: ASK, old: '      this.nextRoundAfter(TCP_RESEND);\n', broken: '' },
      {
        file: 'src/resolve/single-flight.ts',
        old: 'if (client !== undefined) flight.send?.();',
        broken: '',
      },
    ],
  },
  {
    name: 'each query has an OPT, whatever becomes of it',
    edits: [
      {
        file: 'src/upstream/send.ts',
        old: "const mayBePlain = (transport === 'udp' || transport === 'tcp') && !dnssecOk;",
        broken: "const mayBePlain = transport === 'https' && !dnssecOk;",
      },
    ],
  },
  {
    name: "a sidecar's probes are repaired, and believed (N7)",
    edits: [
      // While a service of another namespace had probes (C2).
      {
        file: 'src/resolve/denial-life.ts',
        old: "return labels.length === 2 && !list.isFqdnLike(base) ? 'brief' : 'usual';",
        broken: "return 'usual';",
      },
      {
        file: 'src/resolve/nodata-repair.ts',
        old: 'isAddressQuery(query) && query.fromProbe !== true',
        broken: 'isAddressQuery(query)',
      },
      {
        file: 'src/resolve/forward.ts',
        old: 'message.nodataDenied !== true',
        broken: 'message.nodataDenied !== true || message.rcode !== 0',
      },
    ],
  },
  {
    name: 'each step of a walk waits 1 s for a first server that is dead (U1)',
    edits: [
      {
        file: 'src/upstream/succession.ts',
        old: 'if (span > DOUBTED && this.isDoubted)',
        broken: 'if (span < 0)',
      },
    ],
  },
  {
    name: 'the last TCP of a question is lost with a connection that another answer ends (RFC 9520)',
    edits: [
      {
        file: 'src/upstream/stream-transport.ts',
        old: 'const isAlone = listener.isLast === true && ',
        broken: 'const isAlone = listener === undefined && ',
      },
    ],
    draw: {
      ...SOUND_DRAW,
      servers: [closingEarly(2_300)],
      name: 'many',
    },
  },
  {
    name: 'many questions are lost with a connection from before it was known that the server closes early (U2)',
    edits: [
      {
        file: 'src/upstream/stream-transport.ts',
        old: 'connection.full || connection.asked >= this.limit',
        broken: 'connection.full',
      },
    ],
    draw: {
      ...SOUND_DRAW,
      servers: [closingEarly(1_000)],
      name: 'many',
      list: 'Kubernetes',
    },
  },
  {
    name: 'NODATA whose count is too high is no answer (U3)',
    edits: [
      {
        file: 'src/wire/partial-response.ts',
        old: 'return isBesideOpt || !isSoaFirst(answer, question) ? undefined : NODATA;',
        broken: 'return undefined;',
      },
    ],
    draw: {
      ...SOUND_DRAW,
      servers: [
        {
          ...SOUND,
          reply: 'ANCOUNT too high',
          says: { rcode: 'NODATA', family: 'A', names: 'all' },
        },
      ],
      name: 'v6',
      list: 'Kubernetes',
    },
  },
];

/** Closes a connection after one answer, and answers nothing until `to`. */
function closingEarly(to: Milliseconds): Faults {
  return {
    ...SOUND,
    delay: 120,
    tcp: 'closes after one',
    mute: { from: 0, to, transport: 'both', family: 'both' },
  };
}

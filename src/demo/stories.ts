import type { Milliseconds } from '../clock.ts';
import type { Faults } from './cluster-faults.ts';

/** One thing that happens to lookups in a cluster, and what sidestub promises about it. */
export interface Story {
  /** For `--json`: it stays when the title changes. */
  readonly id: string;
  /** At most 21 characters: what fits a terminal of 80 columns. */
  readonly title: string;
  /** Used in place of the title if there is room: at most 41 characters. */
  readonly longTitle: string;
  /** The name that is looked up, as a program has it. */
  readonly lookup: string;
  /** Looked up before, in the same process, unmeasured. */
  readonly before?: readonly string[];
  /** The faults from the measured lookup on; those that are not named stay off. */
  readonly faults: Partial<Faults>;
  /** Whether asking directly waits for seconds: such trials run beside the others. */
  readonly stalls: boolean;
  readonly promise: StoryPromise;
}

/** What a lookup through sidestub has to achieve. */
export interface StoryPromise {
  /** `undefined` where the name does not exist. */
  readonly address: string | undefined;
  /** The most different questions that may reach cluster DNS; `undefined` where the design sets no limit. */
  readonly questions: number | undefined;
}

/** No lookup takes longer, whatever happens (the goal of the design). */
export const LONGEST: Milliseconds = 1_000;

/** A person takes a lookup of this length for a hang; it is shown as one. */
export const STALL: Milliseconds = 1_000;

const GIT = { lookup: 'git.example.com', address: '198.51.100.7' };

/** In the order in which they are shown: the cost of every lookup, then failures, then what must stay the same. */
export const STORIES: readonly Story[] = [
  {
    id: 'cold',
    title: 'first lookup',
    longTitle: 'first lookup of a name',
    lookup: GIT.lookup,
    faults: {},
    stalls: false,
    // N4.
    promise: { address: GIT.address, questions: 7 },
  },
  {
    id: 'warm',
    title: 'the same again',
    longTitle: 'the same name again',
    lookup: GIT.lookup,
    before: [GIT.lookup],
    faults: {},
    stalls: false,
    promise: { address: GIT.address, questions: 0 },
  },
  {
    id: 'next-name',
    title: 'next name under .com',
    longTitle: 'next name under .com, never asked before',
    lookup: 'packages.example.com',
    before: [GIT.lookup],
    faults: {},
    stalls: false,
    // N3: one cut serves every name with that last label.
    promise: { address: '198.51.100.8', questions: 3 },
  },
  {
    id: 'aaaa-nxdomain',
    title: 'AAAA says NXDOMAIN',
    longTitle: 'server says NXDOMAIN to AAAA',
    lookup: GIT.lookup,
    faults: { aaaa: 'nxdomain' },
    stalls: false,
    promise: { address: GIT.address, questions: 7 },
  },
  {
    id: 'aaaa-silent',
    title: 'AAAA never answered',
    longTitle: 'server never answers AAAA',
    lookup: GIT.lookup,
    faults: { aaaa: 'silent' },
    stalls: true,
    promise: { address: GIT.address, questions: 7 },
  },
  {
    id: 'race',
    title: 'conntrack race',
    longTitle: 'A and AAAA race, one is dropped',
    lookup: GIT.lookup,
    faults: { raceRatio: 1 },
    stalls: true,
    promise: { address: GIT.address, questions: 7 },
  },
  {
    id: 'cold-start',
    title: '4 packets lost',
    longTitle: 'cold cluster: the first 4 packets lost',
    lookup: GIT.lookup,
    faults: { dropNext: 4 },
    stalls: true,
    // No limit: with lost datagrams, the number of questions depends on timers (N3's own questions, F2's other family).
    promise: { address: GIT.address, questions: undefined },
  },
  {
    id: 'nowhere',
    title: 'name exists nowhere',
    longTitle: 'a name that exists nowhere',
    lookup: 'no-such-host.example.com',
    faults: {},
    stalls: false,
    promise: { address: undefined, questions: 7 },
  },
  {
    id: 'in-cluster',
    title: 'in-cluster service',
    longTitle: 'nginx, a service in the cluster',
    lookup: 'nginx',
    faults: {},
    stalls: false,
    promise: { address: '10.96.44.7', questions: 2 },
  },
];

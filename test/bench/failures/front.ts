import type { Endpoint } from '../../../src/endpoint.ts';
import {
  type FailingUpstream,
  startFailingUpstream,
  type UpstreamIdentity,
  type Weather,
} from '../../support/failing-upstream.ts';
import type { Upstreams } from '../../support/peer-command.ts';
import { takePrecedence } from '../../support/precedence.ts';
import { Questioner } from '../../support/questioner.ts';
import { type Contestant, type Running, startForwarder } from './contestant.ts';

/** A contestant in front of its upstreams, and a client that asks it. */
export interface Front {
  /** The first one, and the second where there is one; both are the same where there is not. */
  readonly upstreams: readonly [FailingUpstream, FailingUpstream];
  readonly forwarder: Running | undefined;
  readonly client: Questioner;
}

/** What {@link withFront} sets up; a secret and what is lost are the upstreams'. */
export interface FrontOptions
  extends Pick<Upstreams, 'order' | 'tls'>,
    Pick<UpstreamIdentity, 'secret' | 'isLost'> {
  readonly weather?: Partial<Weather>;
  /** A second upstream, in the same weather. */
  readonly two?: boolean;
  /** The forwarder will not answer at first. */
  readonly hopeless?: boolean;
  /** What runs in place of sidestub's own command line. */
  readonly cli?: string;
  /** sidestub's, on top of its defaults. */
  readonly settings?: object;
}

/** Runs a story in front of fresh upstreams, with a forwarder that has just started and answered once. */
export async function withFront<T>(
  contestant: Contestant,
  { weather = {}, two = false, secret, isLost, hopeless, cli, settings, ...how }: FrontOptions,
  story: (front: Front) => Promise<T>,
): Promise<T> {
  takePrecedence();
  const ends: (() => Promise<void> | void)[] = [];
  const start = async (number: number) => {
    const upstream = await startFailingUpstream({ ...weather, number, secret, isLost });
    ends.push(() => upstream.close());
    return upstream;
  };
  try {
    const first = await start(1);
    const second = two ? await start(2) : first;
    const servers = (two ? [first, second] : [first]).map(endpointOf);
    const forwarder =
      contestant === 'directly'
        ? undefined
        : await startForwarder(contestant, { servers, ...how }, { hopeless, cli, settings });
    ends.push(() => forwarder?.end());
    const client = await Questioner.towards(forwarder?.endpoint ?? endpointOf(first));
    ends.push(() => client.close());
    for (const upstream of [first, second]) upstream.asked = 0;
    return await story({ upstreams: [first, second], forwarder, client });
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** The forwarder, where there has to be one. @throws {Error} Where the client asks the upstream itself. */
export function runningOf({ forwarder }: Front): Running {
  if (forwarder === undefined) throw new Error('no forwarder between client and upstream');
  return forwarder;
}

function endpointOf({ port }: FailingUpstream): Endpoint {
  return { address: '127.0.0.1', port };
}

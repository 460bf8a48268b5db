import type { Milliseconds } from '../../src/clock.ts';
import { type LaneOrder, lanes } from '../../src/upstream/lanes.ts';
import { Server } from '../../src/upstream/server.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { Stagger, type StaggerState } from '../../src/upstream/stagger.ts';
import { succession } from '../../src/upstream/succession.ts';
import type { Exchange, ReplyListener, Transport } from '../../src/upstream/transport.ts';
import { RrType } from '../../src/wire/codes.ts';
import { HandClock } from '../support/hand-clock.ts';
import type { Loss } from '../support/losses.ts';
import { message } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { outgoing } from './loopback.ts';

/** What pairs came to. */
export interface PairsResult {
  /** Of each pair: until both are answered; endless where one is not. */
  readonly times: readonly Milliseconds[];
  readonly changes: readonly StaggerState[];
  /** After how many pairs each change came. */
  readonly changedAfter: readonly number[];
}

/** Asks pairs, one each `interval`, of a server a round trip away on a way that loses datagrams; TCP always arrives. */
export async function askPairs(options: {
  readonly order: LaneOrder;
  readonly loss: Loss;
  readonly rtt: Milliseconds;
  readonly pairs: number;
  readonly interval: Milliseconds;
}): Promise<PairsResult> {
  const { order, loss, rtt, pairs, interval } = options;
  const clock = new HandClock();
  const tallies = createUpstreamTallies();
  const path = (isLost: Loss): Transport => ({
    send: (question, edns, listener) =>
      deliver(clock, rtt, isLost(question, clock.now()), edns, listener),
    close: () => undefined,
  });
  const address = parseServerAddress('udp://192.0.2.53');
  const transports = { udp: path(loss), tcp: path(() => false) };
  const server = new Server({ address, transports, clock, tallies });
  const changes: StaggerState[] = [];
  const changedAfter: number[] = [];
  const times: Milliseconds[] = [];
  const stagger = new Stagger({
    clock,
    onChange: (state) => {
      changes.push(state);
      changedAfter.push(times.length);
    },
  });
  const upstream = lanes({
    order,
    upstream: succession({ name: 'path', groups: [[server]], clock, tallies }),
    clock,
    staggerOf: () => stagger,
  });
  for (let i = 0; i < pairs; i++) {
    const began = clock.now();
    const index = times.push(Number.POSITIVE_INFINITY) - 1;
    let left = 2;
    for (const qtype of [RrType.A, RrType.AAAA]) {
      upstream.ask(outgoing(`n${i}.example.`, qtype), {
        onAnswer: () => {
          if (--left === 0) times[index] = clock.now() - began;
        },
        onFailure: () => undefined,
      });
    }
    await clock.advance(interval);
  }
  await clock.advance(5_000);
  server.close();
  return { times, changes, changedAfter };
}

function deliver(
  clock: HandClock,
  rtt: Milliseconds,
  isLost: boolean,
  edns: boolean,
  listener: ReplyListener,
): Exchange {
  const reply = { message: message(), truncated: false, edns };
  const timer = isLost ? undefined : clock.after(rtt, () => listener.onReply(reply));
  return { close: () => timer?.cancel() };
}

import { type Outgoing, UpstreamError } from '../../src/upstream/exchange.ts';
import { Server, type ServerOptions } from '../../src/upstream/server.ts';
import { parseServerAddress } from '../../src/upstream/server-address.ts';
import { Rcode } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { HandClock } from '../support/hand-clock.ts';
import { a, message } from '../support/messages.ts';
import { createUpstreamTallies } from '../support/upstream-tallies.ts';
import { outgoing } from './loopback.ts';
import { ScriptedTransport } from './scripted-transport.ts';

/** A server over transports that the test plays: UDP and TCP, or `secure` where the URL says TLS or HTTPS. */
export function scriptedServer(url = 'udp://127.0.0.1', onHealth?: ServerOptions['onHealth']) {
  const clock = new HandClock();
  const udp = new ScriptedTransport(clock);
  const tcp = new ScriptedTransport(clock);
  const secure = new ScriptedTransport(clock);
  const tallies = createUpstreamTallies();
  const address = parseServerAddress(url);
  const server = new Server({
    address,
    transports: 'authentication' in address ? { [address.transport]: secure } : { udp, tcp },
    clock,
    tallies,
    onHealth,
    timerClass: ({ qname }) => (qname.endsWith('.local.') ? 'zone' : 'other'),
  });
  return { clock, udp, tcp, secure, tallies, server, own: tallies.servers.get(address.name) };
}

/** Begins a question at a server; `heard` fills as things come of it. */
export function begin(
  server: Server,
  qname = 'api.example.',
  takeResend = () => false,
  more: Partial<Outgoing> = {},
) {
  const heard: { answer?: Message; error?: Error; slow: number } = { slow: 0 };
  let [refusals, unread] = [0, 0];
  const ask = server.begin(
    { ...outgoing(qname), ...more },
    {
      onAnswer: (answer) => {
        heard.answer = answer;
      },
      onFailure: (error) => {
        heard.error = error;
      },
      onSlow: () => {
        heard.slow++;
      },
      onRefused: () => {
        refusals++;
      },
      onUnread: () => {
        unread++;
      },
      takeResend,
    },
  );
  return {
    heard,
    again: () => ask.again(),
    cancel: () => ask.cancel(),
    refusals: () => refusals,
    unread: () => unread,
  };
}

/** What went wrong, said shortly. */
export function reasonOf(error: Error | undefined): string | undefined {
  return error instanceof UpstreamError ? error.reason : error?.message;
}

/** An answer to `api.example. A`. */
export const truth = message({ answer: [a('api.example.', '192.0.2.1')] });

/** One that has refused an OPT and answered without: it is asked without from then on. */
export function plainServer() {
  const parts = scriptedServer();
  begin(parts.server, 'first.example.');
  parts.udp.nth(0).answer(message({ rcode: Rcode.FORMERR }), { edns: false });
  parts.udp.nth(1).answer(message());
  return parts;
}

/** One that has answered an OPT, so that a lost one makes no doubt; its timer for the names asked here is the first one. */
export function knowingServer() {
  const parts = scriptedServer();
  begin(parts.server, 'first.local.');
  parts.udp.nth(0).answer(message());
  parts.udp.sends.length = 0;
  return parts;
}

import { AnswerMemory } from '../../src/memory/answer-memory.ts';
import { type Keep, Replies } from '../../src/memory/replies.ts';
import type { Message } from '../../src/wire/message.ts';
import { renderReply, TCP_OCTETS, udpLimit } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';

/** Octets for a query and the reply that is written over it. */
export const ROOM = 4_096;

/** Replies in a memory of their own. */
export function startReplies(octets = 1 << 20, negativeOctets = 1 << 18): Replies {
  return new Replies(new AnswerMemory({ octets, negativeOctets, seed: 0x5eed }));
}

/** Renders as the responder does, and keeps it for a minute. */
export function keep(
  replies: Replies,
  query: Uint8Array,
  reply: Message,
  more: Partial<Omit<Keep, 'message'>> = {},
): void {
  const request = readRequest(query);
  const age = more.age ?? 0;
  const octets = renderReply(request, reply, { age, limit: udpLimit(request) });
  const defaults = {
    message: reply,
    age,
    agedAt: replies.now,
    until: replies.now + 60_000,
    kind: 0,
  };
  replies.keep(request, octets, { ...defaults, isCut: false, ...more });
}

/**
 * The reply that is ready; `undefined` where it leaves the query to the stages.
 *
 * @throws {Error} If it wrote outside the reply: there are the queries of other clients.
 */
export function ask(replies: Replies, query: Uint8Array, overTcp = false): Uint8Array | undefined {
  const buffer = new Uint8Array(ROOM).fill(0xaa);
  const at = 7;
  buffer.set(query, at);
  const length = replies.answer(buffer, at, query.length, ROOM - at, overTcp);
  const outside = [buffer.subarray(0, at), buffer.subarray(at + Math.max(length, query.length))];
  if (outside.some((octets) => octets.some((octet) => octet !== 0xaa))) {
    throw new Error('wrote outside the reply');
  }
  return length === 0 ? undefined : buffer.slice(at, at + length);
}

/** What the stages' answer looks like to this client, where it fits whole; names are compressed as for lower case. */
export function slowly(
  query: Uint8Array,
  reply: Message,
  age: number,
  overTcp: boolean,
): Uint8Array | undefined {
  const plain = readRequest(query);
  const lower = query.map((octet, at) =>
    at >= 12 && at < plain.question.end - 4 && octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet,
  );
  const request = readRequest(lower);
  const limit = overTcp ? TCP_OCTETS : udpLimit(request);
  const octets = renderReply(request, reply, { age, limit: TCP_OCTETS });
  if (octets.length > limit) return undefined;
  octets.set(query.subarray(12, plain.question.end), 12);
  return octets;
}

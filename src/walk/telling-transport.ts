import { readEde, readOpt, SOURCE_INFO, SOURCE_OPTION } from '../wire/edns.ts';
import { HEADER_OCTETS, putUint16, readHeader, uint16 } from '../wire/header.ts';
import { spanSections } from '../wire/message.ts';
import { readQuestion } from '../wire/question.ts';
import { WireError } from '../wire/wire-error.ts';
import type { AskSocket, AskTransport, SocketListener } from './ask-socket.ts';

/** Called for each answer that names its source. */
export type NoteSource = (qname: string, qtype: number, source: string) => void;

const OPT_OCTETS = 11;
const OPT_TYPE = 41;
/** RFC 1035 §4.2.1: what a client without EDNS takes. Replies must be cut where its own would be (L4). */
const PLAIN_UDP_OCTETS = 512;

/**
 * Asks sidestub with each question where its answer comes from.
 *
 * The models see only their own questions and answers; the OPT record is added and removed here.
 */
export function tellingTransport(transport: AskTransport, note: NoteSource): AskTransport {
  const listening = (listener: SocketListener): SocketListener => ({
    onMessage: (octets, from) => {
      noteSource(octets, note);
      listener.onMessage(octets, from);
    },
    onClosed: () => listener.onClosed(),
  });
  return {
    udp: (listener, peer) => asking(transport.udp(listening(listener), peer)),
    tcp: (listener, peer) => asking(transport.tcp(listening(listener), peer)),
  };
}

function asking(socket: AskSocket): AskSocket {
  return {
    send: (octets, to) => socket.send(withQuestion(octets), to),
    close: () => socket.close(),
  };
}

/** The query with {@link SOURCE_OPTION} in its OPT, which is the last record; one is added if there is none. */
export function withQuestion(query: Uint8Array): Uint8Array {
  const { arcount } = readHeader(query);
  const hasOpt = arcount === 1 && uint16(query, query.length - OPT_OCTETS + 1) === OPT_TYPE;
  const opt = new Uint8Array(OPT_OCTETS + 4);
  if (hasOpt) {
    opt.set(query.subarray(query.length - OPT_OCTETS));
  } else {
    putUint16(opt, 1, OPT_TYPE);
    putUint16(opt, 3, PLAIN_UDP_OCTETS);
  }
  putUint16(opt, 9, 4);
  putUint16(opt, OPT_OCTETS, SOURCE_OPTION);
  const plain = hasOpt ? query.subarray(0, query.length - OPT_OCTETS) : query;
  const octets = Uint8Array.from(Buffer.concat([plain, opt]));
  putUint16(octets, 10, hasOpt ? arcount : arcount + 1);
  return octets;
}

function noteSource(reply: Uint8Array, note: NoteSource): void {
  try {
    const header = readHeader(reply);
    const question = readQuestion(reply, HEADER_OCTETS);
    const { additional } = spanSections(reply, header, question.end);
    const opt = additional.find(({ type }) => type === OPT_TYPE);
    if (opt === undefined) return;
    readOpt(reply, opt);
    const source = readEde(reply, opt, SOURCE_INFO);
    if (source !== undefined) note(question.qname, question.qtype, source);
  } catch (error) {
    // An unreadable reply names no source; the models judge it themselves.
    if (!(error instanceof WireError)) throw error;
  }
}

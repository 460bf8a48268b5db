import { once } from 'node:events';
import { createSecureServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { RrClass, RrType, typeName } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { readRequest } from '../../src/wire/request.ts';
import { nodata, responseOctets } from '../support/messages.ts';
import { makeCa } from '../upstream/certificates.ts';
import type { Owner } from './hostile-daemon.ts';
import { truthAbout } from './hostile-upstream.ts';

/** What a DoH server does to half of its requests. */
export const DOH_FAULTS = ['status', 'unreadable', 'reset', 'refused', 'headers'] as const;
export type DohFault = (typeof DOH_FAULTS)[number];

/** A DoH server that says the truth, or at random a {@link DohFault} in its place. */
export interface HostileDoh {
  /** Replaced at will; the truth alone where there is none. */
  fault: DohFault | undefined;
  /** Faults before the body has been read, which no question can be named for then. */
  early: boolean;
  /** Of all questions, the daemon's own included. */
  requests: number;
  /** Whether each request of a question was answered well, by `qname TYPE`. */
  readonly asked: Map<string, boolean[]>;
  url(method: 'get' | 'post'): string;
}

/** RFC 9113 §7. */
const INTERNAL_ERROR = 2;
const REFUSED_STREAM = 7;

export async function startDoh(t: Owner): Promise<HostileDoh> {
  const ca = makeCa(t);
  const { key, cert } = ca.issue(['IP:127.0.0.1']);
  const sessions = new Set<ServerHttp2Session>();
  // Node ends a connection whose client has reset a thousand streams, and with it good responses: not what is tried here.
  const server = createSecureServer({ key, cert, streamResetBurst: 1e6, streamResetRate: 1e6 });
  const doh: HostileDoh = {
    fault: undefined,
    early: false,
    requests: 0,
    asked: new Map(),
    url: (method) => {
      const { port } = server.address() as AddressInfo;
      return `https://127.0.0.1:${port}/dns-query?ca=${ca.certFile}&method=${method}`;
    },
  };
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
    session.on('stream', (stream, { ':path': path = '' }) => {
      stream.on('error', () => undefined);
      doh.requests++;
      serve(doh, stream, path);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  return doh;
}

function serve(doh: HostileDoh, stream: ServerHttp2Stream, path: string): void {
  const isBad = doh.fault !== undefined && Math.floor(performance.now() * 1_000) % 2 === 0;
  if (isBad && doh.early && doh.fault !== undefined) {
    stream.resume();
    commit(stream, doh.fault);
    return;
  }
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    const dns = new URL(path, 'https://x').searchParams.get('dns');
    const query = dns === null ? Buffer.concat(chunks) : Buffer.from(dns, 'base64url');
    const { qname, qtype } = readRequest(query).question;
    const name = `${qname} ${typeName(qtype)}`;
    doh.asked.set(name, [...(doh.asked.get(name) ?? []), !isBad]);
    if (isBad && doh.fault !== undefined) commit(stream, doh.fault);
    else answer(stream, responseOctets(query, truth(qname, qtype)));
  });
}

/** One family: beside the addresses of the other, a failure would become NODATA (F5). */
function truth(qname: string, qtype: number): Message {
  if (qtype === RrType.AAAA) return nodata('example.');
  return truthAbout({ qname, qtype, qclass: RrClass.IN });
}

function answer(stream: ServerHttp2Stream, octets: Uint8Array): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': 200, 'content-type': 'application/dns-message' });
  stream.end(octets);
}

function commit(stream: ServerHttp2Stream, fault: DohFault): void {
  if (stream.destroyed) return;
  if (fault === 'status') {
    stream.respond({ ':status': 500 });
    stream.end('no\n');
  } else if (fault === 'unreadable') {
    answer(stream, new Uint8Array(40).fill(0xff));
  } else if (fault === 'reset') {
    stream.close(INTERNAL_ERROR);
  } else if (fault === 'refused') {
    stream.close(REFUSED_STREAM);
  } else {
    stream.respond({ ':status': 200, 'x-large': 'x'.repeat(40_000) });
    stream.end();
  }
}

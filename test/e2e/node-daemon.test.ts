// A node daemon as its pods see it: a process, and 1,000 clients with addresses and search lists of their own on the
// loopback (127.0.0.0/8 is all ours on Linux).
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'tap';
import type { Endpoint } from '../../src/endpoint.ts';
import { Rcode, RrType } from '../../src/wire/codes.ts';
import { type Message, readResponse } from '../../src/wire/message.ts';
import type { Name } from '../../src/wire/name.ts';
import { type RunningSidestub, startSidestub } from '../observe/running-sidestub.ts';
import { plainWalk } from '../scenario/plain-walk.ts';
import { crowd, PODS } from '../support/crowd.ts';
import { queryOctets } from '../support/messages.ts';

/** So many walk at once: the cluster here is one process that answers one question after the other. */
const AT_ONCE = 100;
/** Far more than there is room for. */
const FLOOD = 3_000;
const ROOM = 300;
/** Of the pod that floods. */
const SOCKETS = 30;

const addressOf = (pod: number): string => `127.1.${pod >> 7}.${(pod & 127) + 1}`;

/** Asks from an address, one socket for all of its questions. */
async function client(address: string, server: Endpoint) {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  const waiting = new Map<number, (message: Message) => void>();
  socket.on('message', (octets: Buffer) => {
    const { header, message } = readResponse(octets);
    waiting.get(header.id)?.(message);
  });
  let id = 0;
  return {
    ask: (qname: Name, qtype: number) =>
      new Promise<Message>((resolve) => {
        waiting.set(++id, resolve);
        socket.send(queryOctets(qname, qtype, { id }), server.port, server.address);
      }),
    close: () => socket.close(),
  };
}

async function walkFrom(
  { dns }: RunningSidestub,
  pod: number,
  plan: { readonly base: Name; readonly suffixes: readonly Name[] },
) {
  const { ask, close } = await client(addressOf(pod), dns);
  const library = pod % 2 === 0 ? 'musl' : 'glibc';
  const found = await plainWalk({ ...plan, library, ndots: 5 }, async (qname) =>
    Promise.all([ask(qname, RrType.A), ask(qname, RrType.AAAA)] as const),
  );
  close();
  return found;
}

const linux = process.platform === 'linux' ? {} : { skip: '127.0.0.0/8 has one address here' };

test('1,000 pods, and one more that floods', linux, async (t) => {
  const { world, namespaces } = crowd();
  const sidestub = await startSidestub(t, {
    world,
    settings: {
      search: { suffixes: ['kube-system.svc.cluster.local', 'svc.cluster.local', 'cluster.local'] },
      limits: { flights: ROOM },
    },
  });
  sidestub.cluster.faults.missing = [{ suffix: 'flood.example.net.', a: 'silent', aaaa: 'silent' }];
  // The kernel keeps some 270 answers for a socket: with one for all it would lose what it is told while it is not read.
  const hog = await Promise.all(
    Array.from({ length: SOCKETS }, () => client('127.2.0.1', sidestub.dns)),
  );
  const flood = { answered: 0, refused: 0 };
  for (let i = 0; i < FLOOD; i++) {
    void hog[i % SOCKETS]?.ask(`${i}.flood.example.net.`, RrType.A).then(({ rcode }) => {
      flood.answered++;
      if (rcode === Rcode.SERVFAIL) flood.refused++;
    });
  }
  const wrong: string[] = [];
  const pods = namespaces.entries();
  const take = async () => {
    for (const [pod, namespace] of pods) {
      const errand = errandOf(pod, namespace);
      const found = await walkFrom(sidestub, pod, errand);
      const isRight = found.name === errand.name && found.addresses.includes(errand.address);
      if (!isRight) wrong.push(`${pod} ${errand.base}: ${JSON.stringify(found)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, take));
  t.same(wrong, [], `${PODS} pods find what is theirs, in ${PODS} namespaces`);
  t.ok(flood.refused >= FLOOD - ROOM, `who floods is told so: ${flood.refused} of ${FLOOD}`);
  t.equal(flood.answered, flood.refused, 'and has no answer from anywhere');
  for (const { close } of hog) close();
});

/** What a pod looks up, and what there is to be found: its own service, or a host outside. */
function errandOf(pod: number, namespace: string) {
  const suffixes = [`${namespace}.svc.cluster.local.`, 'svc.cluster.local.', 'cluster.local.'];
  const host = pod % 50;
  return pod % 3 === 0
    ? {
        suffixes,
        base: 'api.',
        name: `api.${suffixes[0]}`,
        address: hex(10, 100, pod >> 8, pod & 255),
      }
    : {
        suffixes,
        base: `host-${host}.example.com.`,
        name: `host-${host}.example.com.`,
        address: hex(192, 0, 2, host),
      };
}

function hex(...octets: number[]): string {
  return Buffer.from(octets).toString('hex');
}

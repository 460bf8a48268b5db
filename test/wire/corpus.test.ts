import { isDeepStrictEqual } from 'node:util';
import { test } from 'tap';
import { readHeader } from '../../src/wire/header.ts';
import { readResponse } from '../../src/wire/message.ts';
import { canonicalName, encodeName, parseName, readName } from '../../src/wire/name.ts';
import { renderError, renderReply, TCP_OCTETS, udpLimit } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';
import { type Sample, samples, skip } from '../support/corpus.ts';
import { queryOctets } from '../support/messages.ts';
import { viewOrWireError } from './view-or-wire-error.ts';

/** The query of a response's question, so that it can be rendered for somebody. */
function clientOf(octets: Uint8Array) {
  const { question } = readResponse(octets);
  const plain = queryOctets('.', 1, { edns: { dnssecOk: true } });
  if (question === undefined) return readRequest(plain);
  const opt = plain.subarray(12 + 5);
  return readRequest(Uint8Array.from([...plain.subarray(0, 12), ...question.octets, ...opt]));
}

/** The samples of which `holds` is false or throws. One assertion for all: thousands of them would take seconds. */
function faults(holds: (sample: Sample) => boolean): string[] {
  return samples().flatMap((sample) => {
    try {
      return holds(sample) ? [] : [sample.name];
    } catch (error) {
      return [`${sample.name}: ${error}`];
    }
  });
}

test('every packet of the corpus is a view or a WireError, and most are read', { skip }, (t) => {
  const read = { requests: 0, responses: 0, total: 0 };
  const found = faults(({ octets }) => {
    read.total++;
    viewOrWireError(() => readHeader(octets));
    if (viewOrWireError(() => readRequest(octets)) !== undefined) read.requests++;
    if (viewOrWireError(() => readResponse(octets)) !== undefined) read.responses++;
    return true;
  });
  t.same(found, []);
  t.comment(read);
  t.ok(read.total > 900, `${read.total} packets`);
  t.ok(read.requests > 400, `${read.requests} read as requests`);
  t.ok(read.responses > 250, `${read.responses} read as responses`);
  t.end();
});

test('what is read as a response renders, and reads back equal', { skip }, (t) => {
  const found = faults(({ octets }) => {
    const response = viewOrWireError(() => readResponse(octets));
    if (response === undefined) return true;
    const client = clientOf(octets);
    const reply = renderReply(client, response.message, { age: 0, limit: TCP_OCTETS });
    const again = readResponse(reply);
    return (
      isDeepStrictEqual(canonical(again.message), canonical(response.message)) &&
      isDeepStrictEqual(again.question?.octets, client.question.octets) &&
      renderReply(client, response.message, { age: 0, limit: 512 }).length <= 512
    );
  });
  t.same(found, []);
  t.end();
});

/** Owners without case, since one that equals the QNAME takes the client's. */
function canonical(message: ReturnType<typeof readResponse>['message']) {
  const level = (rr: (typeof message.answer)[number]) => ({
    ...rr,
    owner: canonicalName(rr.owner),
  });
  return {
    ...message,
    answer: message.answer.map(level),
    authority: message.authority.map(level),
    additional: message.additional.map(level),
  };
}

test('what is read as a request is answered with its own question', { skip }, (t) => {
  const found = faults(({ octets }) => {
    const request = viewOrWireError(() => readRequest(octets));
    if (request === undefined) return true;
    const reply = renderError(request, 2);
    const { question } = readResponse(reply);
    const isOwn = isDeepStrictEqual(question?.octets, request.question.octets);
    return isOwn && reply.length <= udpLimit(request);
  });
  t.same(found, []);
  t.end();
});

test('every octet string of the corpus, read as a name, round trips', { skip }, (t) => {
  let names = 0;
  const found = faults(({ octets }) => {
    const wire = viewOrWireError(() => readName(octets, 0));
    if (wire === undefined) return true;
    names++;
    const name = canonicalName(wire);
    return parseName(name) === name && readName(encodeName(name), 0).length === wire.length;
  });
  t.same(found, []);
  t.ok(names > 20, `${names} names`);
  t.end();
});

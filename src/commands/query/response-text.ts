import { type Endpoint, formatEndpoint } from '../../endpoint.ts';
import { RrClass, RrType, rcodeName, typeName } from '../../wire/codes.ts';
import { Flag, HEADER_OCTETS, uint16 } from '../../wire/header.ts';
import { readResponse, spanSections } from '../../wire/message.ts';
import type { Rr } from '../../wire/record.ts';
import type { Asked } from './ask-server.ts';
import { nameText, rdataText } from './record-text.ts';

/** A response for people and programs; what `--json` prints. */
export interface ShownResponse {
  readonly status: string;
  readonly flags: readonly string[];
  readonly question: { readonly name: string; readonly type: string };
  readonly answer: readonly ShownRecord[];
  readonly authority: readonly ShownRecord[];
  /** Without the OPT record. */
  readonly additional: readonly ShownRecord[];
  /** Extended DNS Errors (RFC 8914). */
  readonly errors: readonly { readonly code: number; readonly text: string }[];
  readonly server: string;
  readonly transport: 'udp' | 'tcp';
  readonly octets: number;
  readonly milliseconds: number;
}

export interface ShownRecord {
  readonly name: string;
  readonly ttl: number;
  readonly class: string;
  readonly type: string;
  readonly data: string;
}

/** Reads a response that matched its question. @throws {WireError} If it is malformed. */
export function showResponse(asked: Asked, server: Endpoint): ShownResponse {
  const { header, question, message } = readResponse(asked.octets);
  const { qname, qtype } = question ?? { qname: '.', qtype: 0 };
  return {
    status: rcodeName(message.rcode),
    flags: flagNames(header.flags),
    question: { name: qname, type: typeName(qtype) },
    answer: message.answer.map(showRecord),
    authority: message.authority.map(showRecord),
    additional: message.additional.map(showRecord),
    errors: extendedErrors(asked.octets, question?.end ?? HEADER_OCTETS, header),
    server: formatEndpoint(server),
    transport: asked.transport,
    octets: asked.octets.length,
    milliseconds: Math.round(asked.took * 10) / 10,
  };
}

/** The same as `dig` would lay it out: comments begin with `;`, records are lines of a zone file. */
export function responseText(shown: ShownResponse): string {
  const { status, flags, question, errors } = shown;
  const lines = [
    `;; ${status}; flags ${flags.join(' ')}`,
    ...errors.map(({ code, text }) => `;; extended error ${code}${text === '' ? '' : `: ${text}`}`),
    `;${question.name}\tIN\t${question.type}`,
    ...section('answer', shown.answer),
    ...section('authority', shown.authority),
    ...section('additional', shown.additional),
    `;; ${shown.server} over ${shown.transport}: ${shown.octets} octets in ${shown.milliseconds} ms`,
  ];
  return `${lines.join('\n')}\n`;
}

function section(title: string, records: readonly ShownRecord[]): string[] {
  if (records.length === 0) return [];
  const lines = records.map(
    ({ name, ttl, class: klass, type, data }) => `${name}\t${ttl}\t${klass}\t${type}\t${data}`,
  );
  return [`;; ${title}`, ...lines];
}

function showRecord(rr: Rr): ShownRecord {
  return {
    name: nameText(rr.owner),
    ttl: rr.ttl,
    class: classNames.get(rr.klass) ?? `CLASS${rr.klass}`,
    type: typeName(rr.type),
    data: rdataText(rr),
  };
}

const classNames: ReadonlyMap<number, string> = new Map(
  Object.entries(RrClass).map(([name, code]) => [code, name]),
);

function flagNames(flags: number): string[] {
  return Object.entries(Flag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name.toLowerCase());
}

/** RFC 8914 §2. */
const EDE_OPTION = 15;

/** `wire/` drops EDNS options, because none is forwarded (U4); they are read here only to be shown. */
function extendedErrors(
  octets: Uint8Array,
  start: number,
  header: Parameters<typeof spanSections>[1],
): { code: number; text: string }[] {
  const opt = spanSections(octets, header, start).additional.find(
    ({ type }) => type === RrType.OPT,
  );
  const errors: { code: number; text: string }[] = [];
  if (opt === undefined) return errors;
  // The options fit: the response was read before.
  for (let at = opt.rdataAt; at < opt.end; at += 4 + uint16(octets, at + 2)) {
    const length = uint16(octets, at + 2);
    if (uint16(octets, at) !== EDE_OPTION || length < 2) continue;
    const text = Buffer.from(octets.subarray(at + 6, at + 4 + length)).toString('utf8');
    errors.push({ code: uint16(octets, at + 4), text: printable(text) });
  }
  return errors;
}

/** Upstream's words go to a terminal: no control characters. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\u{fffd}');
}

import { admit } from '../../src/listen/admit.ts';
import { Flag, HEADER_OCTETS, uint16 } from '../../src/wire/header.ts';
import { readResponse } from '../../src/wire/message.ts';
import { renderReply, udpLimit } from '../../src/wire/render.ts';
import { readRequest } from '../../src/wire/request.ts';
import { WireError } from '../../src/wire/wire-error.ts';
import { request } from '../support/messages.ts';

/**
 * Puts one message through everything that reads octets.
 *
 * @returns What is wrong, or `undefined`: no error but a WireError, no answer to a response, nothing rendered that cannot
 * be read back, nothing past its limit.
 */
export function tryWire(octets: Uint8Array): string | undefined {
  return tryAdmission(octets) ?? tryRequest(octets) ?? tryResponse(octets);
}

function tryAdmission(octets: Uint8Array): string | undefined {
  const isResponse = octets.length >= HEADER_OCTETS && (uint16(octets, 2) & Flag.QR) !== 0;
  const admission = attempt(() => admit(octets));
  if (typeof admission === 'string') return `admit: ${admission}`;
  return isResponse && admission.kind !== 'drop' ? 'a response was not dropped' : undefined;
}

function tryRequest(octets: Uint8Array): string | undefined {
  const read = attempt(() => readRequest(octets), WireError);
  return typeof read === 'string' ? `readRequest: ${read}` : undefined;
}

function tryResponse(octets: Uint8Array): string | undefined {
  const read = attempt(() => readResponse(octets), WireError);
  if (typeof read === 'string') return `readResponse: ${read}`;
  if (read === undefined) return undefined;
  const client = request('client.example.');
  const limit = udpLimit(client);
  const rendered = attempt(() => renderReply(client, read.message, { age: 0, limit }));
  if (typeof rendered === 'string') return `renderReply: ${rendered}`;
  if (rendered.length > limit) return `${rendered.length} octets past a limit of ${limit}`;
  const again = attempt(() => readResponse(rendered));
  return typeof again === 'string' ? `a reply of ours: ${again}` : undefined;
}

/** The result; `undefined` for an error that is allowed; its stack for any other. */
function attempt<T>(work: () => T): T | string;
function attempt<T>(work: () => T, allowed: typeof WireError): T | string | undefined;
function attempt<T>(work: () => T, allowed?: typeof WireError): T | string | undefined {
  try {
    return work();
  } catch (error) {
    if (allowed !== undefined && error instanceof allowed) return undefined;
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RrType } from '../../src/wire/codes.ts';
import {
  a,
  aaaa,
  cname,
  message,
  nxdomain,
  queryOctets,
  record,
  responseOctets,
  soa,
} from '../support/messages.ts';

const NAME = 'git.example.com.';
const FINDINGS = join(import.meta.dirname, 'findings');

/** Messages to begin from: what jobs ask and clusters answer, and every finding so far. */
export function seeds(): Uint8Array[] {
  const query = queryOctets(NAME);
  const answers = [
    message({ answer: [a(NAME, '192.0.2.1'), a(NAME, '192.0.2.2')] }),
    message({ answer: [cname(NAME, 'www.example.net.'), aaaa('www.example.net.', '2001:db8::1')] }),
    nxdomain('cluster.local.'),
    message({ authority: [soa('.')], additional: [record('x.', 65_280, Uint8Array.of(1, 2, 3))] }),
  ];
  return [
    query,
    queryOctets('kubernetes.default.svc.cluster.local.', RrType.AAAA),
    queryOctets(NAME, RrType.A, { edns: { dnssecOk: true } }),
    ...answers.map((answer) => responseOctets(query, answer)),
    ...readdirSync(FINDINGS)
      .filter((file) => file.endsWith('.hex'))
      .map((file) => Buffer.from(readFileSync(join(FINDINGS, file), 'latin1').trim(), 'hex')),
  ];
}

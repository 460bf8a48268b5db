import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Deframer } from '../../src/wire/frame.ts';

const { SIDESTUB_CORPUS } = process.env;
/** Packets of others' fuzzers and captures. They are no part of the repository: see its SOURCES.md. */
const root = SIDESTUB_CORPUS ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'corpus');
/** Why a test that needs it is skipped; `false` where it is there. */
export const skip = statSync(root, { throwIfNoEntry: false })?.isDirectory()
  ? false
  : 'no corpus: set SIDESTUB_CORPUS';

/** What holds text, names of packets or whole captures, whose packets stand in the `.frm` files. */
const NO_PACKETS = /\.(?:md|txt|tsv|pcap|pcapng|frm)$/;

/** One packet, and where it is from. */
export interface Sample {
  readonly name: string;
  readonly octets: Uint8Array;
}

/** Every packet, in an order that does not depend on the file system. */
export function samples(): Sample[] {
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return files.flatMap((file) => {
    const name = relative(root, file);
    const octets = Uint8Array.from(readFileSync(file));
    if (file.endsWith('.frm')) return framed(name, octets);
    return NO_PACKETS.test(file) ? [] : [{ name, octets }];
  });
}

function framed(name: string, octets: Uint8Array): Sample[] {
  return [...new Deframer().push(octets)].map((packet, i) => ({
    name: `${name}#${i}`,
    octets: packet,
  }));
}

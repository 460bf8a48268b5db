import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** The file beside the program that holds V8's bytecode of it. */
export const CODE_CACHE = 'code-cache.bin';

/** What a code cache says of itself, in front of its parts. */
interface Head {
  /** The Node that made it, as `process.version`, and `process.arch`. */
  readonly node: string;
  readonly arch: string;
  /** By file: where its part begins behind the head, and how many octets it has. */
  readonly parts: Readonly<Record<string, readonly [offset: number, length: number]>>;
}

/** V8's bytecode of the program's files, made when the program was built (`docker/code-cache.ts`). */
export class CodeCache {
  private readonly fd: number;
  private readonly head: Head;
  /** Where the parts begin. */
  private readonly start: number;

  private constructor(fd: number, head: Head, start: number) {
    this.fd = fd;
    this.head = head;
    this.start = start;
  }

  /** @returns `undefined` where there is none, one that another Node made, or one that is not whole. */
  static open(folder: string): CodeCache | undefined {
    let fd: number | undefined;
    try {
      fd = openSync(join(folder, CODE_CACHE), 'r');
      const length = readAt(fd, 0, 4).readUInt32LE();
      const head: Head = JSON.parse(readAt(fd, 4, length).toString());
      const start = 4 + length;
      if (fitsThisNode(head) && fstatSync(fd).size === start + lengthOf(head)) {
        return new CodeCache(fd, head, start);
      }
    } catch {
      // Without it the program only starts more slowly.
    }
    if (fd !== undefined) closeSync(fd);
    return undefined;
  }

  /** @returns The bytecode of a file, in memory of its own; `undefined` where there is none. */
  read(file: string): Buffer<ArrayBuffer> | undefined {
    const part = this.head.parts[file];
    if (part === undefined) return undefined;
    const [offset, length] = part;
    return readAt(this.fd, this.start + offset, length);
  }
}

/** A code cache of this Node as it stands in its file. @param parts - By file. */
export function renderCodeCache(parts: ReadonlyMap<string, Buffer>): Buffer {
  let offset = 0;
  const places: Record<string, readonly [number, number]> = {};
  for (const [file, { length }] of parts) {
    places[file] = [offset, length];
    offset += length;
  }
  const head: Head = { node: process.version, arch: process.arch, parts: places };
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, ...parts.values()]);
}

function fitsThisNode({ node, arch }: Head): boolean {
  return node === process.version && arch === process.arch;
}

function lengthOf({ parts }: Head): number {
  return Object.values(parts).reduce((sum, [, length]) => sum + length, 0);
}

/** The octets at a place of a file; zeros where it is shorter. */
function readAt(fd: number, position: number, length: number): Buffer<ArrayBuffer> {
  const octets = Buffer.from(new ArrayBuffer(length));
  readSync(fd, octets, 0, length, position);
  return octets;
}

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** How many octets are read at a time: an ID takes two, and a read takes 10 us. */
const POOL_OCTETS = 4_096;
/** The kernel's generator, the same that `getrandom` reads (random(4)). */
const DEVICE = '/dev/urandom';

const pool = { octets: new Uint8Array(0), used: 0 };

/**
 * Unpredictable octets, each handed out once.
 *
 * From the kernel and not from `node:crypto`, which takes 7 ms and 2 MiB to load and which a question does not need
 * otherwise.
 *
 * @param count - At most 4,096.
 */
export function randomOctets(count: number): Uint8Array {
  const from = take(count);
  return pool.octets.slice(from, from + count);
}

/** A whole number from 0 to 65,535, without allocation. */
export function randomUint16(): number {
  const from = take(2);
  return ((pool.octets[from] ?? 0) << 8) | (pool.octets[from + 1] ?? 0);
}

/** The same in hexadecimal digits, two for each octet. */
export function randomHex(count: number): string {
  return Buffer.from(randomOctets(count)).toString('hex');
}

/**
 * Fills `octets` from the device. It uses `node:crypto` if there is no such device, or if the file of that name is not
 * one.
 *
 * @returns `octets`.
 */
export function fillRandom<T extends Uint8Array>(octets: T, device = DEVICE): T {
  return readDevice(octets, device)
    ? octets
    : process.getBuiltinModule('node:crypto').randomFillSync(octets);
}

/** The offset of `count` octets of the pool that are handed out only here. */
function take(count: number): number {
  if (pool.octets.length - pool.used < count) {
    pool.octets = fillRandom(new Uint8Array(POOL_OCTETS));
    pool.used = 0;
  }
  const from = pool.used;
  pool.used += count;
  return from;
}

/** Fills all of `octets`. @returns Whether they came from a device. */
function readDevice(octets: Uint8Array, device: string): boolean {
  let fd: number;
  try {
    fd = openSync(device, 'r');
  } catch {
    return false;
  }
  try {
    return fstatSync(fd).isCharacterDevice() && readSync(fd, octets) === octets.length;
  } finally {
    closeSync(fd);
  }
}

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** An address in the process's memory; it fits a number, since user space ends at 2^47. */
export type Pointer = number;

/** Memory that the garbage collector neither moves nor frees. */
export interface Memory {
  readonly at: Pointer;
  readonly buffer: ArrayBuffer;
  free(): void;
}

/** The calls of the C library that batches need; each returns what C returns, -1 for an error. */
export interface Libc {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Pointer, length: number): number;
  bind(fd: number, address: Pointer, length: number): number;
  getsockname(fd: number, address: Pointer, length: Pointer): number;
  close(fd: number): number;
  fcntl(fd: number, command: number, value: number): number;
  recvmmsg(fd: number, headers: Pointer, count: number, flags: number, timeout: null): number;
  sendmmsg(fd: number, headers: Pointer, count: number, flags: number): number;
  poll(polled: Pointer, count: number, timeout: number): number;
  /** The error number of the last call, if that failed. */
  errno(): number;
  allocate(octets: number): Memory;
}

/**
 * The C library that this process runs on, through koffi, which is an optional dependency.
 *
 * @throws {Error} Where koffi or a function is not there.
 */
export function loadLibc(): Libc {
  const koffi = loadKoffi();
  // What the process itself is linked against, glibc or musl: no file name has to be guessed.
  const library = koffi.load(null);
  return {
    socket: library.func('int socket(int, int, int)'),
    setsockopt: library.func('int setsockopt(int, int, int, uintptr_t, uint32_t)'),
    bind: library.func('int bind(int, uintptr_t, uint32_t)'),
    getsockname: library.func('int getsockname(int, uintptr_t, uintptr_t)'),
    close: library.func('int close(int)'),
    fcntl: library.func('int fcntl(int, int, int)'),
    recvmmsg: library.func('int recvmmsg(int, uintptr_t, unsigned int, int, void *)'),
    sendmmsg: library.func('int sendmmsg(int, uintptr_t, unsigned int, int)'),
    poll: library.func('int poll(uintptr_t, unsigned long, int)'),
    errno: () => koffi.errno(),
    allocate: (octets) => {
      const pointer = koffi.alloc('uint8_t', octets);
      const buffer = koffi.view(pointer, octets);
      return { at: Number(koffi.address(pointer)), buffer, free: () => koffi.free(pointer) };
    },
  };
}

type Koffi = typeof import('koffi')['default'];

/**
 * madvise(2).
 *
 * @throws {Error} Where koffi is not there.
 */
export function loadMadvise(): (at: Pointer, octets: number, advice: number) => number {
  return loadKoffi().load(null).func('int madvise(uintptr_t, size_t, int)');
}

/** What was loaded, by its addon: to load it again takes a millisecond. */
const loaded = new Map<string, Koffi>();

/**
 * koffi's addon, loaded directly if it is in its usual place, else through koffi's own entry.
 *
 * That entry takes 8 ms and 5 MiB for deprecated function names: it reads every property of `node:util`, and some of
 * those load other modules. The addon takes 1 ms and 1 MiB. Node's `require` takes 2 ms more to find it, since it reads
 * what koffi's package exports.
 */
export function loadKoffi(addon = addonOf(process.arch)): Koffi {
  const koffi = loaded.get(addon) ?? koffiWith(addon);
  loaded.set(addon, koffi);
  return koffi;
}

function koffiWith(addon: string): Koffi {
  try {
    const module = { exports: {} };
    process.dlopen(module, pathOf(addon));
    return module.exports as Koffi;
  } catch {
    // musl, or another layout of node_modules.
    const { createRequire } = process.getBuiltinModule('node:module');
    return createRequire(import.meta.url)('koffi').default;
  }
}

/** Where npm has put an addon of koffi's: with its builds, which are its dependencies and not ours. */
function pathOf(addon: string): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const packages = join(folder, 'node_modules');
    if (!existsSync(join(packages, 'koffi'))) continue;
    const own = join(packages, 'koffi/node_modules', addon);
    return existsSync(own) ? own : join(packages, addon);
  }
  return addon;
}

/** Where the build for glibc is; on musl the linker refuses it. */
function addonOf(arch: string): string {
  return `@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`;
}

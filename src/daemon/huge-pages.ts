import { readFileSync } from 'node:fs';
import { loadKoffi, loadMadvise } from '../listen/libc.ts';
import type { Written } from '../memory/entry-store.ts';

/** A huge page of x86-64, and of arm64 with pages of 4 KiB. */
export const HUGE_PAGE: number = 2 * 1024 * 1024;
/** With less to read, hits are as fast in pages of 4 KiB: `npm run bench -- table`. */
export const WORTH_IT: number = 16 * 1024 * 1024;
/** madvise(2), since Linux 6.1. Older kernels refuse it. */
const MADV_COLLAPSE = 25;

/** What {@link HugePages} needs of the C library. */
export interface PageCalls {
  addressOf(buffer: ArrayBufferLike): number;
  /** Replaces the pages of one aligned huge page by that page, if the kernel can. */
  collapse(address: number): void;
}

/**
 * Puts huge pages behind memory that is resident already, so that it takes no more than before.
 *
 * A huge page takes half a millisecond of this thread, in which nothing else runs. Each is tried once: the kernel may
 * have none, or the container's memory limit may leave no room for the copy.
 */
export class HugePages {
  private readonly load: () => PageCalls | undefined;
  private calls: PageCalls | 'none' | undefined;
  /** The address up to which each buffer has been tried. */
  private readonly tried = new WeakMap<ArrayBufferLike, number>();

  /** @param load - Called once there is enough memory; `undefined` if there are no huge pages. */
  constructor(load: () => PageCalls | undefined) {
    this.load = load;
  }

  /** Tries the next huge page of what has been written. @returns Whether there was one to try. */
  collapseNext(written: readonly Written[]): boolean {
    const filled = written.reduce((sum, { octets }) => sum + octets, 0);
    if (filled < WORTH_IT) return false;
    this.calls ??= this.load() ?? 'none';
    const { calls } = this;
    return calls !== 'none' && written.some((each) => this.collapseIn(each, calls));
  }

  private collapseIn({ buffer, octets }: Written, calls: PageCalls): boolean {
    const start = calls.addressOf(buffer);
    const at = this.tried.get(buffer) ?? Math.ceil(start / HUGE_PAGE) * HUGE_PAGE;
    if (at + HUGE_PAGE > start + octets) return false;
    this.tried.set(buffer, at + HUGE_PAGE);
    calls.collapse(at);
    return true;
  }
}

/** Where Linux tells of its huge pages, and where the machine's owner permits them. */
const SETTINGS = '/sys/kernel/mm/transparent_hugepage';

/**
 * The calls of this machine's C library.
 *
 * @param settings - The folder with the kernel's settings of huge pages.
 * @returns `undefined` where huge pages are forbidden, unknown, or of another size: with pages of 64 KiB, arm64 has 512
 *   MiB in a huge page. Also where there is no koffi.
 */
export function loadPageCalls(settings = SETTINGS): PageCalls | undefined {
  try {
    // MADV_COLLAPSE itself does not ask whether they are forbidden.
    if (readFileSync(`${settings}/enabled`, 'utf8').includes('[never]')) return undefined;
    const size = Number(readFileSync(`${settings}/hpage_pmd_size`, 'utf8'));
    if (size !== HUGE_PAGE) return undefined;
    const koffi = loadKoffi();
    const madvise = loadMadvise();
    return {
      addressOf: (buffer) => Number(koffi.address(buffer)),
      collapse: (address) => void madvise(address, HUGE_PAGE, MADV_COLLAPSE),
    };
  } catch {
    return undefined;
  }
}

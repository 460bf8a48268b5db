import { readFileSync } from 'node:fs';
import { HUGE_PAGE, loadPageCalls } from '../../src/daemon/huge-pages.ts';

/** How many huge pages a process has. */
export function hugePages(pid: number | 'self'): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return (1_024 * Number(/^AnonHugePages: +(\d+) kB/m.exec(text)?.[1])) / HUGE_PAGE;
}

/** Whether this kernel makes huge pages of small ones, tried once. */
export function canCollapse(): boolean {
  const calls = loadPageCalls();
  if (calls === undefined) return false;
  const buffer = new ArrayBuffer(2 * HUGE_PAGE);
  new Uint8Array(buffer).fill(1);
  const before = hugePages('self');
  calls.collapse(Math.ceil(calls.addressOf(buffer) / HUGE_PAGE) * HUGE_PAGE);
  return hugePages('self') > before;
}

import { readFileSync } from 'node:fs';

/** How much of this process is resident. */
export function residentOctets(): number {
  return 4_096 * Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]);
}

import { networkInterfaces } from 'node:os';

/** The loopback addresses of this machine: containers often have no IPv6. */
export const LOOPBACKS: readonly { readonly address: string; readonly skip: string | false }[] = [
  { address: '127.0.0.1', skip: false },
  { address: '::1', skip: has('::1') ? false : 'this machine has no ::1' },
];

function has(wanted: string): boolean {
  return Object.values(networkInterfaces()).some((own) =>
    own?.some(({ address }) => address === wanted),
  );
}

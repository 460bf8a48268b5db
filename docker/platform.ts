/** A platform of the image, with what its parts call it. */
export interface Platform {
  /** OCI's and Debian's word. */
  readonly arch: 'amd64' | 'arm64';
  /** npm's and Node's. */
  readonly cpu: 'x64' | 'arm64';
  /** Debian's folder of libraries. */
  readonly triplet: string;
  /** Where every program of this platform says that its loader is. */
  readonly loader: string;
}

export const PLATFORMS: readonly Platform[] = [
  {
    arch: 'amd64',
    cpu: 'x64',
    triplet: 'x86_64-linux-gnu',
    loader: 'lib64/ld-linux-x86-64.so.2',
  },
  {
    arch: 'arm64',
    cpu: 'arm64',
    triplet: 'aarch64-linux-gnu',
    loader: 'lib/ld-linux-aarch64.so.1',
  },
];

/**
 * The platform of an architecture.
 *
 * @param name - In OCI's words or in Node's.
 * @throws {Error} For one that there is no image for.
 */
export function platformOf(name: string): Platform {
  const found = PLATFORMS.find(({ arch, cpu }) => arch === name || cpu === name);
  if (found !== undefined) return found;
  const known = PLATFORMS.map(({ arch }) => arch).join(' and ');
  throw new Error(`no image for architecture ${name}: there is one for ${known}`);
}

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

/** What GNU tar needs to be told so that the same files make the same archive. */
const SAME = ['--sort=name', '--format=ustar', '--owner=0', '--group=0', '--numeric-owner'];

/**
 * Packs a folder into an archive whose octets depend on names, modes and contents alone.
 *
 * @param archive - Compressed where its name ends in `.tgz`.
 * @param seconds - The time of every file in it.
 * @param parts - What of the folder is packed; all of it by default.
 */
export function packFolder(
  folder: string,
  archive: string,
  { seconds }: { readonly seconds: number },
  parts: readonly string[] = ['.'],
): void {
  const words = [...SAME, `--mtime=@${seconds}`, '-cf', archive, '-C', folder, ...parts];
  execFileSync('tar', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  // Node's gzip writes no time and no name into its header.
  if (archive.endsWith('.tgz'))
    writeFileSync(archive, gzipSync(readFileSync(archive), { level: 9 }));
}

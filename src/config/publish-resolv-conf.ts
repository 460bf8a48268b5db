import { basename, dirname, join } from 'node:path';
import { randomHex } from '../random.ts';

/** Every user in the pod has to be able to read it. */
const MODE = 0o644;

/**
 * Replaces a file in one step: a reader sees the old content or the new, never a part.
 *
 * The temporary file is in the same folder, since a rename cannot cross file systems. A symbolic link at `path` is
 * replaced by a file, not followed. So is an empty folder where it may be removed: kubelet makes one where a container
 * mounts the file before it exists. In a memory volume, that folder is root's.
 *
 * @throws {Error} If it cannot be written. A container's `/etc/resolv.conf` is a mount of its own and cannot be
 * replaced; its EBUSY is explained in the message. Nothing is left behind.
 */
export async function publishResolvConf(path: string, content: string): Promise<void> {
  // Random, because a container's process IDs are the same after every restart.
  const { rm } = await files();
  const temporary = join(dirname(path), `.${basename(path)}.${randomHex(16)}`);
  try {
    await writeThrough(temporary, content);
    await putInPlace(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const busy = error instanceof Error && 'code' in error && error.code === 'EBUSY';
    const why = busy ? 'it is a mount of its own; publish to a file in a shared volume' : error;
    throw new Error(`publish resolv.conf ${path}: ${why}`, { cause: error });
  }
}

async function putInPlace(temporary: string, path: string): Promise<void> {
  const { rename, rmdir } = await files();
  try {
    await rename(temporary, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EISDIR')) throw error;
    await rmdir(path).catch((cause: unknown) => {
      const why = 'a folder stands there: a container mounts it and starts before sidestub';
      throw new Error(`${why} (${cause})`, { cause });
    });
    await rename(temporary, path);
  }
}

/** Flushed to disk before the rename: otherwise a crash could leave the new name with no content. */
async function writeThrough(path: string, content: string): Promise<void> {
  const { open } = await files();
  await using file = await open(path, 'wx', MODE);
  // The umask has taken bits from the mode that was asked for.
  await file.chmod(MODE);
  await file.writeFile(content);
  await file.sync();
}

/** Loaded only when something is published: it takes 3 ms. */
const files = () => import('node:fs/promises');

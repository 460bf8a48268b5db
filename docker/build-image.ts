import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { commitOf } from './commit.ts';
import { makeRoot } from './image-root.ts';
import type { Platform } from './platform.ts';
import { packFolder } from './tar.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');

/** Why no image can be built here; `undefined` where one can. */
export function whyNoBuildah(): string | undefined {
  const { error } = spawnSync('buildah', ['--version'], { stdio: 'ignore' });
  return error === undefined
    ? undefined
    : 'the image is made by buildah, which is not here: apt-get install buildah, or --roots-only and docker buildx';
}

/** Lays the root file system of each platform out, in `FOLDER/linux-ARCH`. */
export function layOut(platforms: readonly Platform[], folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const platform of platforms) makeRoot(platform, join(folder, `linux-${platform.arch}`));
}

/** An image in buildah's storage. */
export interface ImageName {
  readonly tag: string;
  /** The folder of the storage; the machine's own by default. */
  readonly storage?: string;
}

/**
 * Makes an image of root file systems that were laid out; of several platforms a manifest list. The same commit on the
 * same machine makes the same image.
 *
 * @param folder - Where they were laid out.
 */
export function buildImage(
  platforms: readonly Platform[],
  folder: string,
  { tag, storage }: ImageName,
): void {
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  const { revision, seconds } = commitOf(REPOSITORY);
  const facts = {
    VERSION: version,
    REVISION: revision,
    CREATED: new Date(seconds * 1_000).toISOString(),
  };
  // buildah adds to a list that is there already, and this list is to have the images of this build alone.
  if (platforms.length > 1) {
    spawnSync('buildah', [...stored(storage), 'manifest', 'rm', tag], { stdio: 'ignore' });
  }
  // One by one: asked for several platforms, buildah lists their images in the order in which they were done.
  for (const { arch } of platforms) {
    buildah(storage, [
      'bud',
      // In a container there may be no right to make another; nothing is run in the image anyway.
      '--isolation=chroot',
      // The other format has no place for a HEALTHCHECK.
      '--format=docker',
      `--timestamp=${seconds}`,
      `--platform=linux/${arch}`,
      ...Object.entries(facts).map(([name, value]) => `--build-arg=${name}=${value}`),
      platforms.length > 1 ? `--manifest=${tag}` : `--tag=${tag}`,
      `--file=${join(import.meta.dirname, 'Dockerfile')}`,
      folder,
    ]);
  }
}

/** Writes an image of one platform as a file that docker, podman and containerd import. */
export function saveImage({ tag, storage }: ImageName, archive: string): void {
  // buildah adds to no archive that is there.
  rmSync(archive, { force: true });
  buildah(storage, ['push', tag, `docker-archive:${archive}:${tag}`]);
}

/**
 * Writes a manifest list with its images as an OCI archive. buildah would give the files in the archive the time of now:
 * it writes a folder, and the archive is made here.
 *
 * @returns The digest of the list: `sha256:…`.
 */
export function saveManifestList({ tag, storage }: ImageName, archive: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-oci-'));
  try {
    buildah(storage, ['manifest', 'push', '--all', tag, `oci:${folder}:${tag}`]);
    packFolder(folder, archive, commitOf(REPOSITORY));
    const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
    return index.manifests[0].digest;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function buildah(storage: string | undefined, words: readonly string[]): void {
  const all = [...stored(storage), ...words];
  execFileSync('buildah', all, { stdio: ['ignore', 'inherit', 'inherit'] });
}

function stored(storage: string | undefined): readonly string[] {
  return storage === undefined
    ? []
    : ['--root', join(storage, 'graph'), '--runroot', join(storage, 'run')];
}

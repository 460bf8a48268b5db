import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** An image of an archive, unpacked. */
export interface UnpackedImage {
  /** Its root file system. */
  readonly root: string;
  readonly config: {
    readonly Entrypoint: readonly string[];
    readonly User: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
}

interface Descriptor {
  readonly digest: string;
  readonly platform?: { readonly architecture: string; readonly os: string };
}

/**
 * Unpacks the image of an architecture.
 *
 * @param archive - An OCI archive with one manifest list.
 * @param folder - An empty one of the test's.
 * @see https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export function unpackImage(archive: string, architecture: string, folder: string): UnpackedImage {
  const layout = join(folder, 'layout');
  const root = join(folder, 'root');
  for (const each of [layout, root]) mkdirSync(each, { recursive: true });
  execFileSync('tar', ['-xf', archive, '-C', layout]);
  const path = ({ digest }: Descriptor) => join(layout, 'blobs', digest.replace(':', '/'));
  const json = (descriptor: Descriptor) => JSON.parse(readFileSync(path(descriptor), 'utf8'));
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const images: readonly Descriptor[] = json(index.manifests[0]).manifests;
  const own = images.find(({ platform }) => platform?.architecture === architecture);
  if (own === undefined) throw new Error(`no image for ${architecture} in ${archive}`);
  const manifest: { layers: readonly Descriptor[]; config: Descriptor } = json(own);
  for (const layer of manifest.layers) execFileSync('tar', ['-xzf', path(layer), '-C', root]);
  return { root, config: json(manifest.config).config };
}

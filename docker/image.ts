// `npm run image`: lays the root file systems out, and has buildah make an image of them.
import { readFileSync } from 'node:fs';
import { arch as machine } from 'node:os';
import { join, resolve } from 'node:path';
import { buildImage, layOut, saveImage, saveManifestList, whyNoBuildah } from './build-image.ts';
import { platformOf } from './platform.ts';
import { scriptFlags } from './script-flags.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');
const USAGE = `usage: npm run image -- [--arch amd64,arm64] [--tag NAME] [--archive FILE] [--roots-only] [--out FOLDER]

Builds the image with buildah, for this machine's architecture unless told otherwise; several become one manifest list.
It asks no registry of images. Another architecture takes Node from npm's registry and glibc from Debian's archive.

  --tag NAME      default sidestub:VERSION
  --archive FILE  also writes it as a file that docker, podman and containerd import
  --roots-only    lays the root file systems out and stops
  --out FOLDER    where they are laid out (default build/image)
`;

const { values } = scriptFlags({
  options: {
    arch: { type: 'string', default: machine() },
    tag: { type: 'string' },
    archive: { type: 'string' },
    'roots-only': { type: 'boolean', default: false },
    out: { type: 'string', default: join(REPOSITORY, 'build/image') },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else process.exitCode = main();

function main(): number {
  const platforms = values.arch.split(',').map(platformOf);
  const missing = values['roots-only'] ? undefined : whyNoBuildah();
  if (missing !== undefined) {
    process.stderr.write(`${missing}\n`);
    return 1;
  }
  layOut(platforms, values.out);
  if (values['roots-only']) return 0;
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  const { tag = `sidestub:${version}`, archive } = values;
  buildImage(platforms, values.out, { tag });
  if (archive === undefined) return 0;
  if (platforms.length > 1) saveManifestList({ tag }, archive);
  else saveImage({ tag }, archive);
  return 0;
}

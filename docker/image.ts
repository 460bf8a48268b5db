// `npm run image`: lays the root file systems out, and has buildah make an image of them.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { arch as machine } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { makeRoot } from './image-root.ts';
import { type Platform, platformOf } from './platform.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');
const USAGE = `usage: npm run image -- [--arch amd64,arm64] [--tag NAME] [--archive FILE] [--roots-only] [--out FOLDER]

Builds the image with buildah, for this machine's architecture unless told otherwise; several become one manifest list.
It asks no registry of images. Another architecture takes Node from npm's registry and glibc from Debian's archive.

  --tag NAME      default sidestub:VERSION
  --archive FILE  also writes it as a file that docker, podman and containerd import
  --roots-only    lays the root file systems out and stops
  --out FOLDER    where they are laid out (default build/image)
`;

const { values } = parseArgs({
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
  mkdirSync(values.out, { recursive: true });
  for (const platform of platforms) {
    makeRoot(platform, join(values.out, `linux-${platform.arch}`));
  }
  if (!values['roots-only']) build(platforms);
  return 0;
}

function whyNoBuildah(): string | undefined {
  const { error } = spawnSync('buildah', ['--version'], { stdio: 'ignore' });
  return error === undefined
    ? undefined
    : 'the image is made by buildah, which is not here: apt-get install buildah, or --roots-only and docker buildx';
}

function build(platforms: readonly Platform[]): void {
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  const { tag = `sidestub:${version}`, archive } = values;
  const { revision, seconds } = commit();
  const facts = {
    VERSION: version,
    REVISION: revision,
    CREATED: new Date(seconds * 1_000).toISOString(),
  };
  const several = platforms.length > 1;
  buildah([
    'bud',
    // In a container there may be no right to make another; nothing is run in the image anyway.
    '--isolation=chroot',
    // The other format has no place for a HEALTHCHECK.
    '--format=docker',
    // The same commit makes the same image.
    `--timestamp=${seconds}`,
    `--platform=${platforms.map(({ arch }) => `linux/${arch}`).join(',')}`,
    ...Object.entries(facts).map(([name, value]) => `--build-arg=${name}=${value}`),
    several ? `--manifest=${tag}` : `--tag=${tag}`,
    `--file=${join(import.meta.dirname, 'Dockerfile')}`,
    values.out,
  ]);
  if (archive === undefined) return;
  // buildah adds to no archive that is there.
  rmSync(archive, { force: true });
  if (several) buildah(['manifest', 'push', '--all', tag, `oci-archive:${archive}:${tag}`]);
  else buildah(['push', tag, `docker-archive:${archive}:${tag}`]);
}

function buildah(words: readonly string[]): void {
  execFileSync('buildah', words, { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** What the image was made of, and when that was; outside a repository nobody knows, and SOURCE_DATE_EPOCH may say. */
function commit(): { readonly revision: string; readonly seconds: number } {
  const { SOURCE_DATE_EPOCH: epoch } = process.env;
  const words = ['log', '-1', '--format=%H %ct'];
  const git = spawnSync('git', words, { cwd: REPOSITORY, encoding: 'utf8' });
  const [revision = 'unknown', time = '0'] = git.status === 0 ? git.stdout.trim().split(' ') : [];
  return { revision, seconds: Number(epoch ?? time) };
}

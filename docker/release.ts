// `npm run release`: everything that a version is made of, in one folder.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildImage, layOut, saveManifestList, whyNoBuildah } from './build-image.ts';
import { commitOf } from './commit.ts';
import { compile, SBOM } from './image-root.ts';
import { normaliseModes } from './modes.ts';
import { PLATFORMS } from './platform.ts';
import { releaseNotes, whyNotTag } from './release-notes.ts';
import { scriptFlags } from './script-flags.ts';
import { packFolder } from './tar.ts';
import { whyNotHere } from './write-code-cache.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');
const USAGE = `usage: npm run release -- [--tag TAG] [--out FOLDER]

Makes the image of both platforms, the chart, the npm package, the bills of materials, the notes and the checksums of this version.
The same commit makes the same octets: npm run reproduce.

  --tag TAG     refuses unless the version in package.json and a section of CHANGELOG.md are the tag's
  --out FOLDER  default build/release; what was in it is gone
`;

const { values } = scriptFlags({
  options: {
    tag: { type: 'string' },
    out: { type: 'string', default: join(REPOSITORY, 'build/release') },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else process.exitCode = main(resolve(values.out));

function main(out: string): number {
  const read = (name: string): string => readFileSync(join(REPOSITORY, name), 'utf8');
  const { version } = JSON.parse(read('package.json'));
  const changelog = read('CHANGELOG.md');
  const { tag } = values;
  const objection =
    (tag === undefined ? undefined : whyNotTag(tag, version, changelog)) ??
    whyNoBuildah() ??
    PLATFORMS.map(whyNotHere).find((why) => why !== undefined);
  if (objection !== undefined) {
    process.stderr.write(`${objection}\n`);
    return 1;
  }
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const digest = makeImage(version, out);
  packNpm(out);
  packChart(version, out);
  writeFileSync(join(out, 'RELEASE_NOTES.md'), releaseNotes({ changelog, version, digest }));
  writeFileSync(join(out, 'SHA256SUMS'), checksums(out));
  process.stdout.write(readFileSync(join(out, 'SHA256SUMS'), 'utf8'));
  return 0;
}

/** The image as an OCI archive, with the bill of materials of each platform beside it; gives its digest. */
function makeImage(version: string, out: string): string {
  const roots = join(REPOSITORY, 'build/image');
  layOut(PLATFORMS, roots);
  for (const { arch } of PLATFORMS) {
    const bill = join(out, `sidestub-${version}-linux-${arch}.cdx.json`);
    copyFileSync(join(roots, `linux-${arch}`, SBOM), bill);
  }
  // A storage of its own: nothing of a release stays on this machine but what is in the folder.
  const storage = mkdtempSync(join(tmpdir(), 'sidestub-storage-'));
  try {
    const image = { tag: `sidestub:${version}`, storage };
    buildImage(PLATFORMS, roots, image);
    return saveManifestList(image, join(out, `sidestub-image-${version}.tar`));
  } finally {
    rmSync(storage, { recursive: true, force: true });
  }
}

/** npm packs modes as they are, so that it is given a copy with those of umask 022. */
function packNpm(out: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-npm-'));
  try {
    for (const name of ['package.json', 'README.md', 'LICENSE']) {
      copyFileSync(join(REPOSITORY, name), join(folder, name));
    }
    compile(join(folder, 'dist'));
    normaliseModes(folder);
    const words = ['pack', '--silent', '--ignore-scripts', '--pack-destination', out];
    execFileSync('npm', words, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The chart, its links to the manifests followed; of the version of package.json, which a test holds it to. */
function packChart(version: string, out: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-chart-'));
  try {
    const copy = join(folder, 'sidestub');
    cpSync(join(REPOSITORY, 'k8s/chart'), copy, { recursive: true, dereference: true });
    normaliseModes(folder);
    const archive = join(out, `sidestub-chart-${version}.tgz`);
    packFolder(folder, archive, commitOf(REPOSITORY), ['sidestub']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As `sha256sum --check` reads them. */
function checksums(folder: string): string {
  const line = (name: string): string => {
    const digest = createHash('sha256').update(readFileSync(join(folder, name)));
    return `${digest.digest('hex')}  ${name}\n`;
  };
  return readdirSync(folder).sort().map(line).join('');
}

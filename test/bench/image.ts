import { execFileSync } from 'node:child_process';
import { globSync, lstatSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type ContainerEngine, startEngine } from '../support/container-engine.ts';
import { productEnv } from '../support/product-env.ts';

const CLI = resolve(import.meta.dirname, '../../dist/cli.js');
/** Each; in turns. */
const RUNS = 11;
/** What tells what it is and ends, so that nothing but the start is timed. */
const WORDS = ['--version'];

/** What the image weighs, and what its container takes to start beside the same program without one. */
export async function run(): Promise<void> {
  const engine = startEngine();
  if (typeof engine === 'string') {
    process.stderr.write(`${engine}\n`);
    process.exitCode = 1;
    return;
  }
  const node = lstatSync(join(engine.root, 'usr/bin/node')).size;
  const { archive, packed } = archiveOf(engine);
  const inContainer: number[] = [];
  const plain: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    inContainer.push(timeOf(() => engine.run(...PODMAN, engine.image, ...WORDS)));
    plain.push(
      timeOf(() => execFileSync(process.execPath, [CLI, ...WORDS], { env: productEnv() })),
    );
  }
  process.stdout.write(
    [
      `root file system  ${mib(weight(engine.root))}, ${mib(node)} of it Node`,
      `archive           ${mib(archive)}, ${mib(packed)} with gzip`,
      `podman run        ${median(inContainer)} ms in the median of ${RUNS}, from the command to its end`,
      `node cli.js       ${median(plain)} ms, the same program without a container`,
      '',
    ].join('\n'),
  );
}

const PODMAN = ['run', '--rm', '--network=none', '--no-healthcheck'];

function archiveOf(engine: ContainerEngine): { archive: number; packed: number } {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-bench-'));
  try {
    const file = join(folder, 'image.tar');
    engine.run('save', '--format=docker-archive', '--output', file, engine.image);
    const octets = readFileSync(file);
    return { archive: octets.length, packed: gzipSync(octets).length };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Octets of the regular files below a folder. */
function weight(folder: string): number {
  return globSync('**', { cwd: folder })
    .map((path) => lstatSync(join(folder, path)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}

function timeOf(work: () => unknown): number {
  const begun = performance.now();
  work();
  return performance.now() - begun;
}

function median(values: readonly number[]): string {
  return (values.toSorted((x, y) => x - y)[values.length >> 1] ?? Number.NaN).toFixed(0);
}

function mib(octets: number): string {
  return `${(octets / 1_048_576).toFixed(0)} MiB`;
}

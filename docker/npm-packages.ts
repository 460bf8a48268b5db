import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Platform } from './platform.ts';

/** A package that the image has, as package-lock.json knows it. */
export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  /** Its folder, from the root of the repository: `node_modules/yaml`. */
  readonly folder: string;
  /** Subresource integrity of the archive. */
  readonly integrity: string;
  readonly license: string;
}

interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

/**
 * What `npm ci --omit=dev` would install on a platform, by the lock file.
 *
 * @param repository - Its root.
 */
export function productionPackages(repository: string, { cpu }: Platform): NpmPackage[] {
  const lock = JSON.parse(readFileSync(join(repository, 'package-lock.json'), 'utf8'));
  const locked: [folder: string, entry: LockedPackage][] = Object.entries(lock.packages);
  return locked
    .filter(([folder, { dev, devOptional }]) => folder !== '' && !dev && !devOptional)
    .filter(([folder]) => !PEERS_OF_DEVELOPMENT.test(folder))
    .filter(([, { os, cpu: cpus }]) => allows(os, 'linux') && allows(cpus, cpu))
    .map(([folder, { version, integrity = '', license = 'NOASSERTION' }]) => {
      const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { name, version, folder, integrity, license };
    });
}

/** The compiler is a peer of valibot's, for its types alone; npm marks the peer, not what that one brings. */
const PEERS_OF_DEVELOPMENT = /^node_modules\/@typescript\//;

function allows(allowed: readonly string[] | undefined, name: string): boolean {
  return allowed === undefined || allowed.includes(name);
}

/**
 * Copies packages below a folder: those that are installed, and those of another platform from npm's registry.
 *
 * @throws {Error} When an archive is not the one of the lock file.
 */
export function copyPackages(
  repository: string,
  packages: readonly NpmPackage[],
  target: string,
): void {
  for (const each of packages) {
    const installed = join(repository, each.folder);
    const place = join(target, each.folder);
    if (existsSync(installed)) cpSync(installed, place, { recursive: true });
    else download(each, place);
    for (const unused of NOT_LOADED) {
      rmSync(join(place, unused), { recursive: true, force: true });
    }
  }
}

/** 70 MB of Node's headers and manual, koffi's headers, and its build for musl. */
const NOT_LOADED = ['include', 'share', 'vendor', 'musl_x64', 'musl_arm64'];

function download({ name, version, integrity }: NpmPackage, place: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-npm-'));
  try {
    const words = ['pack', `${name}@${version}`, '--silent', '--pack-destination', folder];
    const archive = join(folder, execFileSync('npm', words, { encoding: 'utf8' }).trim());
    const [algorithm = '', expected] = integrity.split('-', 2);
    const found = createHash(algorithm).update(readFileSync(archive)).digest('base64');
    if (found !== expected) throw new Error(`${name}@${version} is not what the lock file says`);
    mkdirSync(place, { recursive: true });
    execFileSync('tar', ['-xzf', archive, '-C', place, '--strip-components=1']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { arch as machine, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Platform } from './platform.ts';

/** A Debian package that the image has libraries of. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly arch: string;
  /** Its control file, as dpkg's status has it. */
  readonly control: string;
}

/** What Node and koffi are linked to, and what glibc loads on its own to look a name up. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  libc6: [
    'libc.so.6',
    'libdl.so.2',
    'libm.so.6',
    'libnss_dns.so.2',
    'libnss_files.so.2',
    'libpthread.so.0',
    'libresolv.so.2',
    'librt.so.1',
  ],
  'libstdc++6': ['libstdc++.so.6'],
  'libgcc-s1': ['libgcc_s.so.1'],
  libatomic1: ['libatomic.so.1'],
};

/**
 * Puts the C and C++ libraries of a platform into a root file system, with their licences and with what scanners know
 * Debian's packages by.
 *
 * @throws {Error} Where this is no Debian, or its archive has to be asked and cannot be.
 */
export function copyLibraries(platform: Platform, root: string): DebianPackage[] {
  if (!existsSync('/usr/bin/dpkg-query')) {
    throw new Error("the libraries of the image are Debian's: build it on Debian or Ubuntu");
  }
  const own = platform.cpu === machine();
  const folder = own ? undefined : unpackForeign(platform);
  try {
    const source = folder ?? '/';
    for (const [name, libraries] of Object.entries(LIBRARIES)) {
      for (const library of libraries) copyLibrary(source, root, platform, library);
      copyInto(root, source, `usr/share/doc/${name}/copyright`);
    }
    copyLoader(source, root, platform);
    for (const file of ['etc/os-release', 'etc/debian_version']) {
      if (existsSync(join('/', file))) copyInto(root, '/', file);
    }
    const packages = Object.keys(LIBRARIES).map((name) =>
      folder === undefined ? installedPackage(name) : unpackedPackage(folder, name),
    );
    // Where distroless images have it, and scanners look.
    const status = join(root, 'var/lib/dpkg/status.d');
    mkdirSync(status, { recursive: true });
    for (const { name, control } of packages) writeFileSync(join(status, name), control);
    return packages;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Debian 12 has glibc in /lib and the others in /usr/lib; where the two are one, either finds all. */
function copyLibrary(source: string, root: string, { triplet }: Platform, name: string): void {
  const found = [`usr/lib/${triplet}`, `lib/${triplet}`].find((folder) =>
    existsSync(join(source, folder, name)),
  );
  if (found === undefined) throw new Error(`no ${name} for ${triplet}`);
  const target = join(root, 'lib', triplet);
  mkdirSync(target, { recursive: true });
  copyFileSync(join(source, found, name), join(target, name));
}

function copyLoader(source: string, root: string, { loader, triplet }: Platform): void {
  const name = loader.slice(loader.lastIndexOf('/') + 1);
  copyLibrary(source, root, { triplet } as Platform, name);
  mkdirSync(dirname(join(root, loader)), { recursive: true });
  symlinkSync(join('/lib', triplet, name), join(root, loader));
}

function copyInto(root: string, source: string, path: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  copyFileSync(join(source, path), join(root, path));
}

function installedPackage(name: string): DebianPackage {
  return fromControl(execFileSync('dpkg-query', ['-s', name], { encoding: 'utf8' }));
}

function unpackedPackage(folder: string, name: string): DebianPackage {
  const file = readdirSync(folder).find((each) => each.startsWith(`${name}_`));
  return fromControl(
    execFileSync('dpkg-deb', ['-f', join(folder, file ?? name)], { encoding: 'utf8' }),
  );
}

function fromControl(control: string): DebianPackage {
  const field = (name: string): string =>
    new RegExp(`^${name}: (.+)$`, 'm').exec(control)?.[1] ?? '';
  return {
    name: field('Package'),
    version: field('Version'),
    arch: field('Architecture'),
    control,
  };
}

/** Fetches the packages of another architecture with an apt that has its own lists: this machine's stay as they are. */
function unpackForeign({ arch }: Platform): string {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-apt-'));
  try {
    for (const sub of ['lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(folder, sub), { recursive: true });
    }
    const options = {
      'APT::Architecture': arch,
      'APT::Architectures': arch,
      'APT::Sandbox::User': 'root',
      'Dir::State': folder,
      'Dir::State::status': '/dev/null',
      'Dir::Cache': join(folder, 'cache'),
    };
    const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    const apt = (...words: string[]): void =>
      void execFileSync('apt-get', ['-q', ...flags, ...words], { cwd: folder, stdio: 'pipe' });
    const fetch = (packages: readonly string[]): void => {
      apt('download', ...packages);
      for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb'))) {
        execFileSync('dpkg-deb', ['-x', file, folder], { cwd: folder });
      }
    };
    apt('update');
    fetch(Object.keys(LIBRARIES));
    const elsewhere = missingLicences(folder);
    if (elsewhere.length > 0) fetch(elsewhere);
    return folder;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Packages that others' licences stand in: what gcc brings has a link to the folder of gcc's base package. */
function missingLicences(folder: string): string[] {
  const links = Object.keys(LIBRARIES)
    .map((name) => join(folder, 'usr/share/doc', name))
    .filter((path) => !existsSync(path) && lstatSync(path).isSymbolicLink());
  return [...new Set(links.map((path) => basename(readlinkSync(path))))];
}

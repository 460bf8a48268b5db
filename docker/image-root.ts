import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { copyLibraries } from './debian-libraries.ts';
import { normaliseModes } from './modes.ts';
import { copyPackages, productionPackages } from './npm-packages.ts';
import type { Platform } from './platform.ts';
import { billOfMaterials } from './sbom.ts';
import { nodeIn, whyNotHere } from './write-code-cache.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');

/** Where the image has its bill of materials. */
export const SBOM = 'usr/share/sbom/sidestub.cdx.json';

/** Kubernetes' and distroless images' number for nobody in particular. */
const UID = 65_532;

/**
 * How exec probes and people call the program: without a shell, a file has to say by itself who runs it. `import()` would
 * start Node's loader of ES modules, for which the job waits in the hook of its sidecar.
 */
const LAUNCHER = `#!/usr/bin/node\nrequire('/app/dist/cli.js');\n`;

/** glibc and Node look users and hosts up in these. */
const FILES: Readonly<Record<string, string>> = {
  'etc/passwd': `root:x:0:0:root:/:/nologin\nsidestub:x:${UID}:${UID}:sidestub:/:/nologin\n`,
  'etc/group': `root:x:0:\nsidestub:x:${UID}:\n`,
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
};

/**
 * Lays out the root file system of the image: the program compiled from this source, what it needs from npm with Node
 * among it, glibc, and a bill of materials.
 *
 * @param root - A folder; what was in it is gone.
 */
export function makeRoot(platform: Platform, root: string): void {
  rmSync(root, { recursive: true, force: true });
  const manifest = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  const { name, version, type, license } = manifest;
  const app = join(root, 'app');
  mkdirSync(app, { recursive: true });
  compile(join(app, 'dist'));
  const shown = JSON.stringify({ name, version, type, license }, undefined, 2);
  writeFileSync(join(app, 'package.json'), `${shown}\n`);
  copyFileSync(join(REPOSITORY, 'LICENSE'), join(app, 'LICENSE'));

  const npm = productionPackages(REPOSITORY, platform);
  copyPackages(REPOSITORY, npm, app);
  const node = join(app, `node_modules/node-linux-${platform.cpu}`);
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  renameSync(join(node, 'bin/node'), join(root, 'usr/bin/node'));
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const debian = copyLibraries(platform, root);
  const why = whyNotHere(platform);
  if (why === undefined) compileToBytecode(join(app, 'dist'), nodeIn(root, platform));
  else
    process.stderr.write(`linux/${platform.arch} starts more slowly, without bytecode: ${why}\n`);

  writeFileSync(join(root, 'usr/bin/sidestub'), LAUNCHER);
  chmodSync(join(root, 'usr/bin/sidestub'), 0o755);
  mkdirSync(join(root, SBOM, '..'), { recursive: true });
  const bill = billOfMaterials({ version, npm, debian });
  writeFileSync(join(root, SBOM), `${JSON.stringify(bill, undefined, 2)}\n`);
  for (const folder of ['run/sidestub', 'tmp']) mkdirSync(join(root, folder), { recursive: true });
  normaliseModes(root);
  chmodSync(join(root, 'tmp'), 0o1777);
}

/** Adds the bytecode for a platform's Node to the compiled program. */
function compileToBytecode(folder: string, node: readonly string[]): void {
  const words = [join(import.meta.dirname, 'code-cache.ts'), folder, ...node];
  execFileSync(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Compiles the program into a folder. */
export function compile(folder: string): void {
  const bundler = join(REPOSITORY, 'node_modules/rolldown/bin/cli.mjs');
  const words = [bundler, '-c', 'rolldown.config.ts', '--dir', folder];
  execFileSync(process.execPath, words, {
    cwd: REPOSITORY,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

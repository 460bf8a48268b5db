// `npm run sbom [-- ARCH]`: the bill of materials of what npm installs on Linux beside sidestub, by the lock file.
// `npm sbom` leaves out what development uses too (lru-cache, undici, yaml). The image carries a bill of its own.
import { readFileSync } from 'node:fs';
import { arch as machine } from 'node:os';
import { join, resolve } from 'node:path';
import { productionPackages } from './npm-packages.ts';
import { platformOf } from './platform.ts';
import { billOfMaterials } from './sbom.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');

const [arch = machine()] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
const npm = productionPackages(REPOSITORY, platformOf(arch));
process.stdout.write(
  `${JSON.stringify(billOfMaterials({ version, npm, debian: [] }), undefined, 2)}\n`,
);

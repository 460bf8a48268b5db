import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';

/**
 * What ships: few files of CommonJS, each command's parts loaded when it is used (docs/decisions/004-start.md).
 *
 * koffi is native and stays where npm put it; of all other packages what is used is in here.
 */
// biome-ignore lint/style/noDefaultExport: rolldown reads it from there.
export default defineConfig({
  input: { cli: 'src/boot/entry.ts', main: 'src/cli.ts', thread: 'src/thread.ts' },
  platform: 'node',
  external: ['koffi'],
  plugins: [commonJs(), licences(), ascii()],
  // Where each part comes from would be told by its path on this machine.
  experimental: { attachDebugInfo: 'none' },
  output: {
    dir: 'dist',
    cleanDir: true,
    format: 'cjs',
    chunkFileNames: '[name].js',
    comments: { legal: true, annotation: false, jsdoc: false },
    // `import()` of what is external would start Node's loader of ES modules, which takes 7 ms.
    dynamicImportInCjs: false,
  },
});

/** The package is of type `module`; what is in dist/ is not. */
function commonJs(): Plugin {
  return {
    name: 'common-js',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'package.json', source: '{"type":"commonjs"}\n' });
    },
  };
}

/**
 * Writes each other character as JavaScript's escape: a text with one of them takes two octets for each of its
 * characters in V8, and the program's texts stay in memory.
 */
function ascii(): Plugin {
  return {
    name: 'ascii',
    // Not before: rolldown writes the texts once more after `renderChunk`.
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type === 'chunk') file.code = file.code.replace(/[^\0-\x7f]/g, escaped);
      }
    },
  };
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The licences of the packages that are in the files. */
function licences(): Plugin {
  return {
    name: 'licences',
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((file) =>
        file.type === 'chunk' ? file.moduleIds : [],
      );
      const packages = new Set(modules.flatMap((id) => packageOf(id) ?? []));
      const texts = [...packages].toSorted().map(licenceText);
      this.emitFile({ type: 'asset', fileName: 'LICENSES.txt', source: texts.join('\n') });
    },
  };
}

/** The folder of the package that a module belongs to; `undefined` for our own. */
function packageOf(id: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0];
}

function licenceText(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'license', 'LICENCE']
    .map((each) => join(folder, each))
    .find(existsSync);
  if (file === undefined) throw new Error(`${name} in ${dirname(folder)} comes without its licence`);
  return `${name} ${version} (${license})\n\n${readFileSync(file, 'utf8')}\n`;
}

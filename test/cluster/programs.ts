import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { go } from './go-modules.ts';
import { buildGoProgram, type GoProgram, goProgramPath } from './go-program.ts';
import { HERE } from './places.ts';
import type { Progress } from './progress.ts';

/** Debian's Prometheus is built without discovery in Kubernetes. */
export const PROMETHEUS = ofModule({
  name: 'prometheus',
  root: 'github.com/prometheus/prometheus',
  version: 'v0.316.0',
  package: 'github.com/prometheus/prometheus/cmd/prometheus',
  tags: ['remove_all_sd', 'enable_kubernetes_sd'],
});

/** Debian has no git for musl. */
export const CLONE = ofModule({
  name: 'clone',
  root: 'github.com/go-git/go-git/v5',
  version: 'v5.19.3',
  source: join(HERE, 'go/clone/main.go'),
  tags: ['netcgo', 'osusergo'],
  musl: true,
});

/** Builds what of the two is missing. */
export async function buildPrograms(progress: Progress): Promise<void> {
  for (const program of [PROMETHEUS, CLONE]) {
    if (existsSync(goProgramPath(program))) continue;
    await progress.step(`build ${program.name}`, () => buildGoProgram(program));
  }
}

type OfModule = Omit<GoProgram, 'versions' | 'module'> & {
  readonly root: string;
  readonly version: string;
};

/** A program that needs one module, in one version. */
function ofModule({ root, version, ...program }: OfModule): GoProgram {
  return {
    ...program,
    versions: { [root]: version },
    module: async (folder) => {
      const head = `module sidestub.test/${program.name}\n\ngo 1.26.0\n`;
      writeFileSync(join(folder, 'go.mod'), head);
      await go(folder, 'get', `${root}@${version}`);
    },
  };
}

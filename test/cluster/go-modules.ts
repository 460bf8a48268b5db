import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';
import { VERSIONS } from './places.ts';

const ENVIRONMENT = { ...process.env, GOFLAGS: '-buildvcs=false -mod=mod', CGO_ENABLED: '0' };

/** Runs Go in a folder to its end. @throws {Error} With what it said, when it fails. */
export async function go(cwd: string, ...words: readonly string[]): Promise<string> {
  const { stdout } = await command(['nice', 'go', ...words], { cwd, env: ENVIRONMENT });
  return stdout;
}

/** The same, with musl for C. */
export async function goWithMusl(cwd: string, ...words: readonly string[]): Promise<void> {
  const env = { ...ENVIRONMENT, CC: 'musl-gcc', CGO_ENABLED: '1' };
  await command(['nice', 'go', ...words], { cwd, env });
}

/**
 * Makes a folder a module that can import k8s.io/kubernetes, and gives the go.mod of that.
 *
 * k8s.io/kubernetes cannot be installed by `go install`, since it replaces its staging modules by folders. A module of our
 * own requires it, and each staging module in the version that was published with it.
 */
export async function writeKubernetesModule(folder: string, name: string): Promise<string> {
  const { kubernetes, staging } = VERSIONS;
  const { GoMod } = JSON.parse(
    await go(folder, 'mod', 'download', '-json', `k8s.io/kubernetes@${kubernetes}`),
  );
  const { stdout: theirs } = await command(['cat', GoMod]);
  const modules = [...theirs.matchAll(/^\s*(k8s\.io\/[a-z0-9-]+) => \.\/staging\//gm)].map(
    ([, module = '']) => module,
  );
  const head = theirs.split('\n').filter((line) => /^(?:go|godebug) /.test(line));
  const lines = [
    `module sidestub.test/${name}`,
    ...head,
    `require k8s.io/kubernetes ${kubernetes}`,
    ...modules.map((module) => `replace ${module} => ${module} ${staging}`),
    // Samples that nothing imports are not published for each version.
    ...modules
      .filter((module) => !/sample-/.test(module))
      .map((module) => `require ${module} ${staging}`),
  ];
  writeFileSync(join(folder, 'go.mod'), `${lines.join('\n')}\n`);
  return theirs;
}

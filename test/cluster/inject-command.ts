import type { Cluster } from './cluster.ts';
import { REPOSITORY } from './places.ts';

/** What `sidestub inject` with these flags makes of an object. */
export async function inject(
  cluster: Cluster,
  object: object,
  words: readonly string[],
): Promise<string> {
  const { stdout } = await cluster.run([process.execPath, 'src/cli.ts', 'inject', ...words], {
    cwd: REPOSITORY,
    input: JSON.stringify(object),
  });
  return stdout;
}

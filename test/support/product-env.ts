import { join, resolve } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** What steers the tests themselves: to the product these would be settings that it does not know. */
const OWN = new Set([
  'NODE_OPTIONS',
  'SIDESTUB_E2E',
  'SIDESTUB_CLI',
  'SIDESTUB_CORPUS',
  'SIDESTUB_GOLDEN',
  'SIDESTUB_NODE_CLI',
  'SIDESTUB_PODS',
  'SIDESTUB_SHAPES',
  'SIDESTUB_SHAPE_RUNS',
]);

/**
 * The environment for a process of the product: this one's without what steers the tests, and without tap's loader, which
 * adds 45 ms and 15 MiB to every Node. Modules that were compiled before are taken from the cache of `.taprc`, wherever
 * the process is started: types are then stripped once, and a command starts almost as fast as the compiled one.
 */
export function productEnv(): Record<string, string | undefined> {
  const { NODE_COMPILE_CACHE: cache } = process.env;
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN.has(name))),
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: resolve(ROOT, cache) }),
  };
}

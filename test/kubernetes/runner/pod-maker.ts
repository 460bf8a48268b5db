import { join } from 'node:path';
import type { Test } from 'tap';
import { command } from '../../cluster/command.ts';
import { writeKubernetesModule } from '../../cluster/go-modules.ts';
import { buildGoProgram, type GoProgram } from '../../cluster/go-program.ts';
import { VERSIONS } from '../../cluster/places.ts';
import { isOnPath } from '../../support/lab-requirements.ts';
import type { KubernetesObject } from '../inject/kubernetes-schema.ts';

/** A patch of a pod's `spec`, as text, in YAML or JSON. */
export interface PodPatch {
  readonly type: string;
  readonly text: string;
}

/** What becomes of a pod and its patches. */
export interface MadePod {
  readonly pod: KubernetesObject;
  /** Why a patch cannot be applied. */
  readonly refused?: string;
  /** What the API server says of the pod; empty where it takes it. */
  readonly problems: readonly string[];
}

/** Patches pods one by one, and gives what becomes of each. */
export type MakePods = (
  cases: readonly { readonly pod: object; readonly patches: readonly PodPatch[] }[],
) => Promise<readonly MadePod[]>;

/**
 * A program that patches pods by the libraries of GitLab Runner and Argo, apimachinery and evanphx/json-patch, and
 * validates them by the API server's own package. It is built once for each version and kept in the user's cache.
 *
 * Skips where there is no Go or no module proxy; with `SIDESTUB_E2E=required` that is a failure.
 */
export async function podMaker(t: Test): Promise<MakePods | undefined> {
  try {
    if (!isOnPath('go')) throw new Error('not installed: go');
    return await buildPodMaker();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const { SIDESTUB_E2E } = process.env;
    if (SIDESTUB_E2E === 'required') t.fail(reason);
    else t.pass('needs Go', { skip: reason });
    return undefined;
  }
}

/** The same, where there is no test to skip. @throws {Error} With what Go said, when it cannot be built. */
export async function buildPodMaker(): Promise<MakePods> {
  const program = await buildGoProgram(PROGRAM);
  return async (cases) => {
    const { stdout } = await command([program], { input: JSON.stringify(cases) });
    return JSON.parse(stdout);
  };
}

const PROGRAM: GoProgram = {
  name: 'pod-maker',
  source: join(import.meta.dirname, 'go/main.go'),
  versions: VERSIONS,
  module: (folder) => writeKubernetesModule(folder, 'pod-maker'),
};

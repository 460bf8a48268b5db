import { isInjected } from './annotations.ts';
import { add, type JsonPatch, remove } from './json-patch.ts';
import { mountsPublished } from './mounts.ts';
import type { Pod } from './pod.ts';
import { SIDECAR } from './sidecar.ts';

/** A pod whose sidecar is as injection made it, and the patch that makes it so. */
export interface Repair {
  readonly pod: Pod;
  readonly patch: JsonPatch;
  readonly warnings: readonly string[];
}

const STRIPPED = `another webhook removed restartPolicy from ${SIDECAR}, and it was put back: update that webhook, its Kubernetes library is older than 0.28`;

/**
 * Undoes changes that later webhooks make to a sidecar. Istio's, when it is invoked again, puts its own init containers
 * first; by then those have our mount, and would find no file. A webhook built with a Kubernetes library older than
 * 0.28 does not know `restartPolicy` of an init container and writes the pod back without it; the API server would
 * refuse that pod, and the job would not run at all.
 *
 * A sidecar behind containers that do not mount its file stays where it was put.
 */
export function repairSidecar(pod: Pod): Repair {
  const { initContainers = [], annotations } = pod;
  const index = initContainers.findIndex(({ name }) => name === SIDECAR);
  const found = initContainers[index];
  if (found === undefined) return { pod, patch: [], warnings: [] };
  const stripped = found.restartPolicy === undefined && isInjected(annotations);
  const sidecar = stripped ? { ...found, restartPolicy: 'Always' } : found;
  const written = {
    ...(found.written as object),
    ...(stripped ? { restartPolicy: 'Always' } : {}),
  };
  const list = ['spec', 'initContainers'];
  const warnings = stripped ? [STRIPPED] : [];
  if (!initContainers.slice(0, index).some(mountsPublished)) {
    const patch = stripped ? [add([...list, index, 'restartPolicy'], 'Always')] : [];
    return {
      pod: { ...pod, initContainers: initContainers.with(index, sidecar) },
      patch,
      warnings,
    };
  }
  return {
    pod: { ...pod, initContainers: [sidecar, ...initContainers.toSpliced(index, 1)] },
    patch: [remove([...list, index]), add([...list, 0], written)],
    warnings,
  };
}

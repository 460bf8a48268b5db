import { posix } from 'node:path';
import type { Container, Mount, Pod } from './pod.ts';
import { RESOLV_CONF, SIDECAR } from './sidecar.ts';

/** Whether a container gets the published resolv.conf: not the sidecar itself, nor a container that mounts its own. */
export function needsMount(container: Container): boolean {
  return container.name !== SIDECAR && ownMount(container) === undefined;
}

/** Whether a container mounts the file that the sidecar publishes. */
export function mountsPublished(container: Container): boolean {
  return ownMount(container)?.volume === SIDECAR;
}

/** Whether an init container starts before an existing sidecar, when no file has been published yet. */
export function isBefore({ initContainers }: Pod, index: number): boolean {
  return index < (initContainers ?? []).findIndex(({ name }) => name === SIDECAR);
}

/** A warning for each part of the pod that will not ask sidestub, with the reason. */
export function mountWarnings(pod: Pod): string[] {
  const init = pod.initContainers ?? [];
  const early = init
    .filter((_, index) => isBefore(pod, index))
    .map(({ name }) => `init container ${name} starts before ${SIDECAR} and does not ask it`);
  const later = init.filter((_, index) => !isBefore(pod, index));
  const own = [...later, ...pod.containers].flatMap(({ name, mounts }) => {
    const mount = ownMount({ mounts });
    if (name === SIDECAR || mount === undefined || mount.volume === SIDECAR) return [];
    return [`container ${name} mounts ${mount.path} itself and does not ask ${SIDECAR}`];
  });
  return [...early, ...own];
}

/**
 * A mount that the container already has at /etc/resolv.conf or at a folder above it. Ours inside it would leave an
 * empty file in the pod's own volume.
 */
function ownMount({ mounts }: Pick<Container, 'mounts'>): Mount | undefined {
  return mounts?.find(({ path }) => {
    const normal = posix.normalize(`/${path}`).replace(/(?<=.)\/$/, '');
    return normal === RESOLV_CONF || normal === posix.dirname(RESOLV_CONF);
  });
}

import jsonPatch, { type Operation } from 'fast-json-patch';
import { type Injection, injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import type { KubernetesObject } from '../inject/kubernetes-schema.ts';
import { testOptions } from '../inject/pod-files.ts';

interface Container {
  readonly name: string;
  readonly volumeMounts?: readonly { readonly mountPath: string }[];
}

/** The containers of a pod. */
export function listsOf(
  pod: KubernetesObject,
): Readonly<Record<'initContainers' | 'containers', readonly Container[]>> {
  return (pod as unknown as { spec: ReturnType<typeof listsOf> }).spec;
}

/** What sidestub's webhook says of a pod, and what becomes of it. */
export function injectedBy(pod: KubernetesObject): {
  readonly injection: Injection;
  readonly pod: KubernetesObject;
} {
  const injection = injectPod(pod, testOptions);
  if (!('patch' in injection)) return { injection, pod };
  const { newDocument } = jsonPatch.applyPatch(
    structuredClone(pod),
    injection.patch as Operation[],
    true,
  );
  return { injection, pod: newDocument };
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import type { Choices } from '../../src/kubernetes/inject/annotations.ts';
import { injectPod } from '../../src/kubernetes/inject/inject-pod.ts';
import { testOptions } from '../kubernetes/inject/pod-files.ts';
import { type PodSpec, podObject } from './cluster.ts';
import { REPOSITORY } from './places.ts';

const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));

/** The image under test. */
export const IMAGE = `sidestub:${version}`;

/** A pod as injection makes it: for checks that are about what runs, and not about how it came into the pod. */
export function injectedPod(spec: PodSpec, choices: Partial<Choices> = {}): object {
  const pod = structuredClone(podObject(spec));
  const injection = injectPod(pod, {
    ...testOptions,
    image: IMAGE,
    namespace: spec.namespace ?? 'default',
    ...choices,
  });
  if (!('patch' in injection)) throw new Error(injection.message);
  fastJsonPatch.applyPatch(pod, structuredClone(injection.patch) as Operation[]);
  return pod;
}

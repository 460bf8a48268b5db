import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import type { InjectionOptions } from '../../../src/kubernetes/inject/inject-pod.ts';
import type { KubernetesObject } from './kubernetes-schema.ts';

const PODS = new URL('pods/', import.meta.url);
const GOLDEN = new URL('golden/', import.meta.url);

/** A pod in the shape that something in the wild gives it; the file says what. */
export interface PodFile {
  readonly name: string;
  readonly pod: KubernetesObject;
}

/** Every pod of the folder. */
export function podFiles(): PodFile[] {
  const files = readdirSync(PODS).filter((file) => file.endsWith('.yaml'));
  return files.toSorted().map((file) => ({
    name: file.slice(0, -'.yaml'.length),
    pod: podFile(file.slice(0, -'.yaml'.length)),
  }));
}

/** The pod of that name, as JSON has it: what an alias repeats is another value each time. */
export function podFile(name: string): KubernetesObject {
  return JSON.parse(JSON.stringify(parse(readFileSync(new URL(`${name}.yaml`, PODS), 'utf8'))));
}

/**
 * What is expected of a pod. `SIDESTUB_GOLDEN=write` writes it anew from what was found; the difference is then read by
 * somebody before it is committed.
 */
export function golden(name: string, found: unknown): unknown {
  const file = new URL(`${name}.yaml`, GOLDEN);
  const { SIDESTUB_GOLDEN } = process.env;
  if (SIDESTUB_GOLDEN === 'write') {
    writeFileSync(file, stringify(found, { lineWidth: 0, aliasDuplicateObjects: false }));
  }
  return parse(readFileSync(file, 'utf8'));
}

/** An administrator's choices in the tests; each test overrules what it is about. */
export const testOptions: InjectionOptions = {
  image: 'registry.example/sidestub:0.1.0',
  mode: 'overlay',
  listen: 'loopback',
  pins: [],
  readyNames: [],
  upstreams: [],
  namespace: 'gitlab-jobs',
  clusterDns: {
    nameservers: ['10.96.0.10'],
    zone: 'cluster.local',
    hostSearches: ['node.example'],
  },
  nodeDns: '10.96.0.53',
  pullSecrets: [],
  resources: {},
  clusterVersion: undefined,
  restorable: false,
};

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jobPod, patchesOf } from '../kubernetes/runner/job-pod.ts';
import { buildPodMaker, type MadePod } from '../kubernetes/runner/pod-maker.ts';
import {
  type Pieces,
  pieces,
  runnerOf,
  runnerTexts,
  withPieces,
} from '../kubernetes/runner/recipe.ts';
import type { ApiObject } from './api.ts';
import { type Cluster, podObject } from './cluster.ts';
import { REPOSITORY } from './places.ts';

/** What the job does: it says what its resolv.conf is, and looks a name up. */
const SCRIPT = `ls -ld /etc/resolv.conf
cat /etc/resolv.conf
getent hosts git.corp.example || echo no address`;

/** What the containers of a job run, as scripts, and the image that they and the helper have. */
interface Job {
  readonly image: string;
  readonly build: string;
  readonly helper: string;
}

const JOB: Job = { image: 'alpine:3.22', build: SCRIPT, helper: 'true' };

const CONFIGURATIONS = readFileSync(
  join(REPOSITORY, 'test/kubernetes/runner/configurations.toml'),
  'utf8',
);

/** A configuration without anything of ours, and our three pieces. */
const BARE = runnerTexts(CONFIGURATIONS).get('bare') ?? '';
export const PIECES = pieces();

/** A `pod_spec` of somebody else's, as it stands in a configuration. */
export function podSpec(patch: string): string {
  return `  [[runners.kubernetes.pod_spec]]
    name = "other"
    patch_type = "strategic"
    patch = '''
${patch}
'''
`;
}

/** Pods of jobs as GitLab Runner makes them, on the node. */
export class JobsOnNode {
  readonly cluster: Cluster;
  readonly namespace: string;

  constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
  }

  /** What the runner makes of a configuration with these pieces, and `more` behind them. */
  merge(parts: Partial<Pieces>, more = ''): Promise<MadePod> {
    return this.mergeAll(`${withPieces(BARE, parts)}\n${more}`);
  }

  /** What the runner makes of a whole configuration. */
  async mergeAll(toml: string): Promise<MadePod> {
    const runner = runnerOf(toml);
    const makePods = await buildPodMaker();
    const [made] = await makePods([{ pod: jobPod(runner), patches: patchesOf(runner) }]);
    if (made === undefined) throw new Error('no pod');
    return made;
  }

  /** Has the pod made. @throws {Error} With what the API server says. */
  async start(name: string, parts: Partial<Pieces>, more = ''): Promise<void> {
    await this.createMade(name, await this.merge(parts, more));
  }

  /** Has a pod made that runs `job` in place of what the runner would have it do. */
  async createMade(name: string, { pod, refused }: MadePod, job: Job = JOB): Promise<void> {
    if (refused !== undefined) throw new Error(refused);
    await this.create(runnable(pod as ApiObject, name, this.namespace, job));
  }

  create(pod: object): Promise<ApiObject> {
    return this.cluster.api.post(`/api/v1/namespaces/${this.namespace}/pods`, pod);
  }

  /** What the job writes; waits for its end. */
  async log(name: string, container = 'build'): Promise<string> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${name}`;
    await this.cluster.until(
      `${container} of ${name} ends`,
      async () => {
        const { status } = await this.cluster.api.get(path);
        return (status.containerStatuses ?? []).some(
          (each: { name: string; state: { terminated?: object } }) =>
            each.name === container && each.state.terminated !== undefined,
        );
      },
      150,
    );
    return this.cluster.logs(this.namespace, name, container);
  }

  /** Waits until the sidecar's status says something that matches; gives it. */
  sidecar(name: string, pattern: RegExp): Promise<string> {
    return this.cluster.until(
      `sidestub of ${name}: ${pattern}`,
      async () => {
        const { status } = await this.cluster.pod(this.namespace, name);
        const found = JSON.stringify(
          (status.initContainerStatuses ?? []).find(
            (each: { name: string }) => each.name === 'sidestub',
          ),
        );
        return pattern.test(found ?? '') ? found : undefined;
      },
      150,
    );
  }

  /** A pod of nothing but a container. */
  plain(name: string, spec: Readonly<Record<string, unknown>>): object {
    return podObject({ name, namespace: this.namespace, spec });
  }
}

/** With images that the node has, and a job in place of the runner that would attach to it. */
function runnable(
  pod: ApiObject,
  name: string,
  namespace: string,
  { image: own, build, helper }: Job,
): object {
  const image = (text: string) =>
    text.startsWith('registry.example/') || text === 'alpine:3.22' ? own : text;
  const commands: Readonly<Record<string, readonly string[]>> = {
    build: ['sh', '-c', build],
    helper: ['sh', '-c', helper],
  };
  const container = (each: { name: string; image: string }) => ({
    ...each,
    image: image(each.image),
    imagePullPolicy: 'IfNotPresent',
    ...(commands[each.name] === undefined ? {} : { command: commands[each.name] }),
  });
  return {
    ...pod,
    metadata: { name, namespace },
    spec: {
      ...pod.spec,
      terminationGracePeriodSeconds: 0,
      initContainers: pod.spec.initContainers.map(container),
      containers: pod.spec.containers.map(container),
    },
  };
}

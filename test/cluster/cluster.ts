import { setTimeout as wait } from 'node:timers/promises';
import { Api, type ApiObject } from './api.ts';
import { type CommandOptions, type CommandResult, command } from './command.ts';
import { nodeEnvironment } from './node.ts';
import { HERE, REPOSITORY } from './places.ts';

/** A pod as the tests make it. */
export interface PodSpec {
  readonly name: string;
  readonly namespace?: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** On top of the rest. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** The running node, seen from inside: this process is in its network and its mounts. */
export class Cluster {
  readonly api = new Api();

  /** @throws {Error} With what kubectl said, when it fails. */
  async kubectl(words: string, options: CommandOptions = {}): Promise<string> {
    const { stdout } = await this.run(['kubectl', ...words.split(' ')], options);
    return stdout;
  }

  /** A command as it stands in the documents: by a shell, in the repository. */
  async documented(line: string, options: CommandOptions = {}): Promise<string> {
    const { stdout } = await this.run(['bash', '-euo', 'pipefail', '-c', line], {
      cwd: REPOSITORY,
      ...options,
    });
    return stdout;
  }

  run(words: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return command(words, { env: nodeEnvironment(), ...options });
  }

  /** Applies objects. */
  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.kubectl('apply -f -', { input: JSON.stringify(list) });
  }

  /** A file of manifests/. */
  applyFile(name: string): Promise<string> {
    return this.kubectl(`apply -f ${HERE}/manifests/${name}`);
  }

  /** Makes a namespace for one check, and gives its name back. */
  async namespace(name: string, labels: Readonly<Record<string, string>> = {}): Promise<string> {
    await this.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    const account = `/api/v1/namespaces/${name}/serviceaccounts/default`;
    await this.until(`service account of ${name}`, async () => {
      await this.api.get(account);
      return true;
    });
    return name;
  }

  /** Creates a pod whose first container is `main`. */
  createPod(pod: PodSpec): Promise<ApiObject> {
    return this.api.post(`/api/v1/namespaces/${pod.namespace ?? 'default'}/pods`, podObject(pod));
  }

  pod(namespace: string, name: string): Promise<ApiObject> {
    return this.api.get(`/api/v1/namespaces/${namespace}/pods/${name}`);
  }

  async pods(namespace: string, selector = ''): Promise<readonly ApiObject[]> {
    const query = selector === '' ? '' : `?labelSelector=${encodeURIComponent(selector)}`;
    const path = `/api/v1/namespaces/${namespace}/pods${query}`;
    return (await this.api.get<{ items: ApiObject[] }>(path)).items;
  }

  /** Waits for a pod whose containers all run, started and ready. */
  podReady(namespace: string, name: string, seconds = 60): Promise<ApiObject> {
    return this.until(
      `pod ${namespace}/${name} ready`,
      async () => {
        const pod = await this.pod(namespace, name);
        return isReady(pod) ? pod : undefined;
      },
      seconds,
    );
  }

  /** Waits until a pod has ended, and gives its phase. */
  podEnded(namespace: string, name: string, seconds = 60): Promise<string> {
    return this.until(
      `pod ${namespace}/${name} ended`,
      async () => {
        const { status } = await this.pod(namespace, name);
        return ['Succeeded', 'Failed'].includes(status.phase) ? status.phase : undefined;
      },
      seconds,
    );
  }

  logs(namespace: string, name: string, container = 'main'): Promise<string> {
    return this.kubectl(`-n ${namespace} logs ${name} -c ${container}`);
  }

  exec(namespace: string, pod: string, ...words: readonly string[]): Promise<CommandResult> {
    return this.run(['kubectl', '-n', namespace, 'exec', pod, '-c', 'main', '--', ...words], {
      mayFail: true,
    });
  }

  /** Waits until `look` gives something; what it throws meanwhile is the reason when it never does. */
  async until<Result>(
    what: string,
    look: () => Promise<Result | undefined | false>,
    seconds = 60,
  ): Promise<Result> {
    const deadline = performance.now() + seconds * 1_000;
    let reason = '';
    while (performance.now() < deadline) {
      try {
        const found = await look();
        if (found !== undefined && found !== false) return found;
      } catch (error) {
        reason = `: ${error instanceof Error ? error.message : error}`;
      }
      await wait(100);
    }
    throw new Error(`${what}: not within ${seconds} s${reason}`);
  }
}

export function isReady({ status }: ApiObject): boolean {
  return (status?.conditions ?? []).some(
    ({ type, status: value }: { type: string; status: string }) =>
      type === 'Ready' && value === 'True',
  );
}

export function podObject({
  name,
  namespace,
  image,
  command: words,
  labels,
  annotations,
  spec,
}: PodSpec): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, annotations },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'main',
          image: image ?? 'alpine:3.22',
          command: words ?? ['sleep', '100000'],
          imagePullPolicy: 'IfNotPresent',
        },
      ],
      ...spec,
    },
  };
}

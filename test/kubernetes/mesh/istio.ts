import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { go } from '../../cluster/go-modules.ts';
import { buildGoProgram, type GoProgram, goProgramPath } from '../../cluster/go-program.ts';
import type { KubernetesObject } from '../inject/kubernetes-schema.ts';

/** Of istio.io/istio, which has no tags that Go knows: the newest commit of the module proxy, from before 1.31.0. */
export const ISTIO = 'v0.0.0-20260827124520-eed52ebb66ad';

/** Istio as somebody has installed it. */
export interface Mesh {
  /** As for `istioctl install --set`. */
  readonly settings: readonly string[];
  /** The version of the cluster's only kubelet. Istio makes its proxy a native sidecar from v1.33 on. */
  readonly kubelet: string;
}

/** What becomes of a pod, and what Istio's charts say of the webhook. */
interface Answer {
  readonly pod: KubernetesObject;
  readonly refused?: string;
  readonly configuration: string;
  readonly reinvocationPolicy: string;
}

const PROGRAM: GoProgram = {
  name: 'istio',
  source: join(import.meta.dirname, 'go/istio/main.go'),
  versions: { istio: ISTIO },
  module: (folder) => istioModule(folder, 'istio'),
};

/** Makes a folder a module that can import Istio's packages. */
export async function istioModule(folder: string, name: string): Promise<void> {
  writeFileSync(join(folder, 'go.mod'), `module sidestub.test/${name}\n\ngo 1.26.0\n`);
  await go(folder, 'get', `istio.io/istio@${ISTIO}`);
}

/** Istio's injection webhook, in a process of its own: pkg/kube/inject with what Istio's charts make of settings. */
export class Istio {
  readonly #child;
  readonly #answers;

  /** Builds it where it is not there yet, in some minutes. @throws {Error} With what Go said. */
  static async build(): Promise<Istio> {
    return new Istio(await buildGoProgram(PROGRAM));
  }

  /** `undefined` where nobody has built it: `npm run meshes` does. */
  static built(): Istio | undefined {
    const program = goProgramPath(PROGRAM);
    return existsSync(program) ? new Istio(program) : undefined;
  }

  private constructor(program: string) {
    this.#child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Asks the webhook about a pod; it answers in the order in which it is asked. */
  async review({ settings, kubelet }: Mesh, pod: object): Promise<Answer> {
    this.#child.stdin.write(JSON.stringify({ settings, kubelet, pod }));
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error('Istio has ended');
    return JSON.parse(value);
  }

  /** What the API server makes of its answer. @throws {Error} Where it refuses the pod. */
  async inject(mesh: Mesh, pod: KubernetesObject): Promise<KubernetesObject> {
    const { pod: made, refused } = await this.review(mesh, pod);
    if (refused !== undefined) throw new Error(refused);
    return made;
  }

  end(): void {
    this.#child.stdin.end();
  }
}

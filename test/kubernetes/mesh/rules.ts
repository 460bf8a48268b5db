import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../../cluster/command.ts';
import { buildGoProgram, type GoProgram } from '../../cluster/go-program.ts';
import type { KubernetesObject } from '../inject/kubernetes-schema.ts';
import { ISTIO, type Istio, istioModule } from './istio.ts';
import { rendered, renderings } from './renderings.ts';

const PROGRAM: GoProgram = {
  name: 'istio-rules',
  source: join(import.meta.dirname, 'go/istio-rules/main.go'),
  versions: { istio: ISTIO },
  module: (folder) => istioModule(folder, 'istio-rules'),
};

/** The pods whose network is redirected in ways that differ for DNS. */
const PODS = ['istio-cni', 'istio-dns-init', 'istio-dns-capture', 'istio-dns-excluded'] as const;

/** The file with the rules of one of them, for iptables-restore. */
export function rulesFile(pod: (typeof PODS)[number]): string {
  return join(import.meta.dirname, 'rules', `${pod}.rules`);
}

/**
 * The rules that Istio makes in the network of each of these pods: by the command of istio-init whose resolv.conf names
 * sidestub, or by the CNI plugin.
 *
 * Needs root, for a mount namespace with that resolv.conf.
 */
export async function istioRules(istio: Istio): Promise<ReadonlyMap<string, string>> {
  const program = await buildGoProgram(PROGRAM);
  const made = new Map<string, string>();
  for (const rendering of renderings.filter(({ name }) => PODS.some((pod) => pod === name))) {
    const pod = await rendered(istio, rendering);
    made.set(rulesFile(rendering.name as (typeof PODS)[number]), await rulesOf(program, pod));
  }
  return made;
}

interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

async function rulesOf(program: string, pod: KubernetesObject): Promise<string> {
  const { metadata, spec } = pod as KubernetesObject & {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: { readonly initContainers: readonly Container[] };
  };
  const environmentOf = (name: string) => {
    const env = spec.initContainers.find((container) => container.name === name)?.env ?? [];
    return Object.fromEntries(env.map(({ name: variable, value = '' }) => [variable, value]));
  };
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-istio-rules-'));
  try {
    const [resolvConf, written] = [join(folder, 'resolv.conf'), join(folder, 'rules')];
    writeFileSync(resolvConf, 'nameserver 127.0.0.1\n');
    const env = { ...process.env, DRY_RUN_FILE_PATH: written };
    const init = spec.initContainers.find(({ name }) => name === 'istio-init');
    if (init === undefined) {
      const { annotations = {} } = metadata;
      const input = JSON.stringify({ annotations, environment: environmentOf('istio-proxy') });
      await command([program], { env, input });
    } else {
      const bound = ['sh', '-ec', 'mount --bind "$0" /etc/resolv.conf; exec "$@"', resolvConf];
      const [, ...args] = init.args ?? [];
      await command(['unshare', '--mount', ...bound, program, ...args], {
        env: { ...env, ...environmentOf('istio-init') },
      });
    }
    return restorable(readFileSync(written, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The input of iptables-restore, between the commands that would be run. */
function restorable(written: string): string {
  return written
    .split('\n')
    .filter((line) => /^(?:\*|:|-[A-Z] |COMMIT)/.test(line))
    .map((line) => `${line}\n`)
    .join('');
}

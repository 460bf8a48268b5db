import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { command } from '../../cluster/command.ts';
import { go } from '../../cluster/go-modules.ts';
import { buildGoProgram, type GoProgram } from '../../cluster/go-program.ts';
import { K8S } from '../chart/helm.ts';

export const KYVERNO = 'v1.19.1';

/** What its go.mod replaces, which holds for the main module alone. */
const REPLACED =
  'k8s.io/pod-security-admission=github.com/kyverno/pod-security-admission@v0.0.0-20251031094455-46f20778634f';

const PROGRAM: GoProgram = {
  name: 'kyverno',
  source: join(import.meta.dirname, 'go/kyverno/main.go'),
  versions: { kyverno: KYVERNO, replaced: REPLACED },
  module: async (folder) => {
    writeFileSync(join(folder, 'go.mod'), 'module sidestub.test/kyverno\n\ngo 1.26.6\n');
    await go(folder, 'mod', 'edit', '-replace', REPLACED);
    await go(folder, 'get', `github.com/kyverno/kyverno@${KYVERNO}`);
  },
};

/** The labels of a namespace, before and after Kyverno has applied the policy of k8s/kyverno. */
export interface Evaluated {
  readonly policy: unknown;
  readonly namespaces: readonly {
    readonly labels: Readonly<Record<string, string>>;
    /** `pass`, `skip`, or `no match`. */
    readonly status: string;
    readonly made: Readonly<Record<string, string>>;
  }[];
}

const LABELS: readonly Readonly<Record<string, string>>[] = [
  { purpose: 'ci' },
  { purpose: 'ci', 'sidestub.dev/inject': 'false' },
  { purpose: 'ci', 'sidestub.dev/inject': 'true' },
  { purpose: 'web' },
  {},
];

/** The policy as it stands in k8s/kyverno. */
export function kyvernoPolicy(): unknown {
  return parse(readFileSync(join(K8S, 'kyverno/opt-in.yaml'), 'utf8'));
}

/** Has Kyverno apply the policy, with a program that is built where it is not there yet. */
export async function evaluateKyverno(): Promise<Evaluated> {
  const policy = kyvernoPolicy();
  const resources = LABELS.map((labels, index) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: `namespace-${index}`, labels },
  }));
  const program = await buildGoProgram(PROGRAM);
  const { stdout } = await command([program], { input: JSON.stringify({ policy, resources }) });
  const results: readonly Result[] = JSON.parse(stdout);
  return {
    policy,
    namespaces: results.map(({ rules, resource }, index) => ({
      labels: LABELS[index] ?? {},
      status: Object.values(rules).join(),
      made: resource.metadata.labels ?? {},
    })),
  };
}

interface Result {
  readonly rules: Readonly<Record<string, string>>;
  readonly resource: {
    readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  };
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { parseAllDocuments } from 'yaml';
import { type KubernetesTool, unpackTool } from '../../../docker/kubernetes-tools.ts';
import type { KubernetesObject } from '../inject/kubernetes-schema.ts';

export const K8S = fileURLToPath(new URL('../../../k8s/', import.meta.url));
export const CHART = join(K8S, 'chart');

const tools = new Map<string, KubernetesTool | Error>();

/** One of the tools, unpacked once; skips where there is none, and fails where there has to be one. */
export function tool(t: Test, name: 'helm' | 'kubectl'): KubernetesTool | undefined {
  const known = tools.get(name);
  const found = known ?? unpackTool(name);
  tools.set(name, found);
  if (!(found instanceof Error)) {
    if (known === undefined) process.once('exit', () => found.remove());
    return found;
  }
  const { SIDESTUB_E2E } = process.env;
  if (SIDESTUB_E2E === 'required') t.fail(found.message);
  else t.pass(`needs ${name}`, { skip: found.message });
  return undefined;
}

/**
 * What the chart makes of values.
 *
 * @throws {Error} With what helm says of them.
 */
export function render(
  helm: KubernetesTool,
  values: object,
  namespace = 'sidestub',
  chart = CHART,
): KubernetesObject[] {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-values-'));
  try {
    const file = join(folder, 'values.yaml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(values));
    const version = ['--kube-version', '1.36.0'];
    return documents(
      helm.run('template', 'sidestub', chart, '-n', namespace, '-f', file, ...version),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function documents(yaml: string): KubernetesObject[] {
  return parseAllDocuments(yaml)
    .map((document) => JSON.parse(JSON.stringify(document.toJS())))
    .filter((object) => object !== null);
}

/** `Deployment sidestub/sidestub-injector`. */
export function nameOf({ kind, metadata }: KubernetesObject): string {
  const { namespace = '', name } = metadata as { namespace?: string; name?: string };
  return `${kind} ${namespace}/${name}`;
}

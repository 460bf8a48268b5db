import { readFileSync } from 'node:fs';
import { Environment } from '@marcbachmann/cel-js';
import { parseAllDocuments } from 'yaml';

/** A policy, as far as it is evaluated here. */
export interface Policy {
  readonly kind: string;
  readonly spec: {
    readonly matchConditions: readonly NamedExpression[];
    readonly variables?: readonly NamedExpression[];
    readonly validations?: readonly { readonly expression: string; readonly message: string }[];
    readonly mutations?: readonly { readonly jsonPatch: { readonly expression: string } }[];
  };
}

interface NamedExpression {
  readonly name: string;
  readonly expression: string;
}

/** The policy of a file in k8s/injector/policy. */
export function policyIn(file: string): Policy {
  const url = new URL(`../../../k8s/injector/policy/${file}`, import.meta.url);
  const documents = parseAllDocuments(readFileSync(url, 'utf8')).map((document) => document.toJS());
  const found = documents.find(({ kind }) => /AdmissionPolicy$/.test(kind));
  if (found === undefined) throw new Error(`no policy in ${file}`);
  return found;
}

const environment = new Environment({
  enableOptionalTypes: true,
  unlistedVariablesAreDyn: true,
  homogeneousAggregateLiterals: false,
})
  .registerFunction('indexed(list): list', (list: readonly unknown[]) =>
    list.map((c, i) => ({ i: BigInt(i), c })),
  )
  .registerFunction('escapeKey(string): string', (key: string) =>
    key.replaceAll('~', '~0').replaceAll('/', '~1'),
  );

/** The first condition that keeps a policy from a pod; `undefined` where it applies. */
export function unmetCondition({ spec }: Policy, object: unknown): string | undefined {
  return spec.matchConditions.find(
    ({ expression }) => environment.evaluate(expression, { object }) !== true,
  )?.name;
}

/** The messages of the validations that a pod does not pass. */
export function complaints({ spec }: Policy, object: unknown): string[] {
  const variables: Record<string, unknown> = {};
  for (const { name, expression } of spec.variables ?? []) {
    variables[name] = environment.evaluate(expression, { object, variables });
  }
  return (spec.validations ?? [])
    .filter(({ expression }) => environment.evaluate(expression, { object, variables }) !== true)
    .map(({ message }) => message);
}

/** The JSON Patch that a policy makes for a pod. */
export function patchBy({ spec }: Policy, object: unknown, params: unknown): unknown[] {
  return (spec.mutations ?? []).flatMap(({ jsonPatch }) => {
    const patch = environment.evaluate(evaluable(jsonPatch.expression), { object, params });
    return JSON.parse(
      JSON.stringify(patch, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
    );
  });
}

/**
 * What this evaluator does not have, in its words: objects of the API's types are maps, `jsonpatch.escapeKey` is a plain
 * function, and a comprehension over index and element is one over pairs.
 */
function evaluable(expression: string): string {
  const maps = expression
    .replace(/\b(?:Object(?:\.\w+)+|JSONPatch)\{/g, '{')
    .replace(/(?<=[{,]\s*)(\w+): /g, '"$1": ')
    .replaceAll('jsonpatch.escapeKey', 'escapeKey');
  const at = maps.search(/\S+\.transformList/);
  const pairs = maps
    .slice(at)
    .replace(/([\w.?]+(?:\(\[\]\))?)\.transformList\(i, c,/g, 'indexed($1).map(pair,')
    .replace(/\bc(?=[.)])/g, 'pair.c')
    .replace(/\bstring\(i/g, 'string(pair.i');
  return maps.slice(0, at) + pairs;
}

import { readFileSync } from 'node:fs';
import { Environment } from '@marcbachmann/cel-js';
import { parseAllDocuments } from 'yaml';

/** A policy, as far as it is evaluated here. */
export interface Policy {
  readonly kind: string;
  readonly spec: {
    readonly matchConditions: readonly NamedExpression[];
    readonly variables?: readonly NamedExpression[];
    readonly validations?: readonly {
      readonly expression: string;
      readonly message?: string;
      readonly messageExpression?: string;
    }[];
    readonly mutations?: readonly { readonly jsonPatch: { readonly expression: string } }[];
  };
}

interface NamedExpression {
  readonly name: string;
  readonly expression: string;
}

/** A policy in k8s/injector/policy: the one of that name, or the first of its file. */
export function policyIn(file: string, called?: string): Policy {
  const url = new URL(`../../../k8s/injector/policy/${file}`, import.meta.url);
  const documents = parseAllDocuments(readFileSync(url, 'utf8')).map((document) => document.toJS());
  const found = documents.find(
    ({ kind, metadata }) =>
      /AdmissionPolicy$/.test(kind) && (called === undefined || metadata.name === called),
  );
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
export function complaints(policy: Policy, object: unknown): string[] {
  const scope = { object, variables: variablesOf(policy, object) };
  return (policy.spec.validations ?? [])
    .filter(({ expression }) => evaluate(expression, scope) !== true)
    .map(({ message, messageExpression = '' }) =>
      message === undefined ? String(evaluate(messageExpression, scope)) : message,
    );
}

/** The JSON Patch that a policy makes for a pod. */
export function patchBy(policy: Policy, object: unknown, params: unknown): unknown[] {
  const scope = { object, params, variables: variablesOf(policy, object) };
  return (policy.spec.mutations ?? []).flatMap(({ jsonPatch }) => {
    const patch = evaluate(jsonPatch.expression, scope);
    return JSON.parse(
      JSON.stringify(patch, (_, value) => (typeof value === 'bigint' ? Number(value) : value)),
    );
  });
}

function variablesOf({ spec }: Policy, object: unknown): Record<string, unknown> {
  const variables: Record<string, unknown> = {};
  for (const { name, expression } of spec.variables ?? []) {
    variables[name] = evaluate(expression, { object, variables });
  }
  return variables;
}

function evaluate(expression: string, scope: Readonly<Record<string, unknown>>): unknown {
  return environment.evaluate(evaluable(expression), scope);
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
  if (at < 0) return maps;
  const pairs = maps
    .slice(at)
    .replace(/([\w.?]+(?:\(\[\]\))?)\.transformList\(i, c,/g, 'indexed($1).map(pair,')
    .replace(/(?<![".])\bc\b(?!")/g, 'pair.c')
    .replace(/(?<![".])\bi\b(?!")/g, 'pair.i');
  return maps.slice(0, at) + pairs;
}

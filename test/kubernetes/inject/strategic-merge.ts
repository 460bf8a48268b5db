/** By which member the lists of a pod are merged; other lists are replaced (`patchMergeKey` in k8s.io/api/core/v1). */
const MERGE_KEYS: ReadonlyMap<string, string> = new Map([
  ['containers', 'name'],
  ['initContainers', 'name'],
  ['volumes', 'name'],
  ['env', 'name'],
  ['volumeMounts', 'mountPath'],
  ['ports', 'containerPort'],
]);

/**
 * A strategic merge patch as GitLab Runner applies its `pod_spec`, by k8s.io/apimachinery's strategicpatch.
 *
 * Elements that only the patch has come before those that only the original has: without `$setElementOrder`,
 * `normalizeElementOrder` takes the patch's order first.
 */
export function strategicMerge(original: unknown, patch: unknown, member = ''): unknown {
  const key = MERGE_KEYS.get(member);
  if (Array.isArray(original) && Array.isArray(patch) && key !== undefined) {
    return mergeLists(original, patch, key);
  }
  if (!isObject(original) || !isObject(patch)) return patch;
  const merged: Record<string, unknown> = { ...original };
  for (const [name, value] of Object.entries(patch)) {
    merged[name] = strategicMerge(original[name], value, name);
  }
  return merged;
}

function mergeLists(original: readonly unknown[], patch: readonly unknown[], key: string) {
  const keyOf = (element: unknown): unknown => (isObject(element) ? element[key] : undefined);
  const patched = new Map(patch.map((element) => [keyOf(element), element]));
  const known = new Set(original.map(keyOf));
  const added = patch.filter((element) => !known.has(keyOf(element)));
  const kept = original.map((element) => {
    const change = patched.get(keyOf(element));
    return change === undefined ? element : strategicMerge(element, change);
  });
  return [...added, ...kept];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import * as clientModels from '@kubernetes/client-node/dist/gen/models/ObjectSerializer.js';

/** An object of the Kubernetes API, as far as every one has the same members. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
}

/**
 * What the API server would have against an object: types, enums and required fields by the schemas of
 * kubernetes-models, unknown fields by the attribute maps of the client, which the former lets pass.
 */
export async function schemaProblems(object: KubernetesObject): Promise<string[]> {
  const unknown: string[] = [];
  const model = `${object.apiVersion.split('/').at(-1)}${object.kind}`;
  findUnknown(object, capitalized(model), object.kind, unknown);
  try {
    // biome-ignore lint/plugin: the model of a kind that the test itself wrote
    const { [object.kind]: Model } = await import(
      `kubernetes-models/${object.apiVersion}/${object.kind}`
    );
    new Model(withoutNulls(object)).validate();
  } catch (error) {
    return [...unknown, error instanceof Error ? error.message : String(error)];
  }
  return unknown;
}

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}

interface ModelClass {
  getAttributeTypeMap(): readonly Attribute[];
}

const models = clientModels as unknown as Readonly<Record<string, ModelClass | undefined>>;

function findUnknown(value: unknown, type: string, path: string, found: string[]): void {
  if (value === null || value === undefined) return;
  const element = /^Array<(.+)>$/.exec(type)?.[1];
  const member = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (element !== undefined && Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      findUnknown(item, element, `${path}[${index}]`, found);
    }
  } else if (member !== undefined && typeof value === 'object') {
    for (const [key, item] of Object.entries(value)) {
      findUnknown(item, member, `${path}.${key}`, found);
    }
  } else if (isModel(type)) {
    findUnknownMembers(value, type, path, found);
  }
}

function findUnknownMembers(value: unknown, type: string, path: string, found: string[]): void {
  const attributes = models[type]?.getAttributeTypeMap();
  if (attributes === undefined) {
    found.push(`${path}: no schema for ${type}`);
    return;
  }
  for (const [key, member] of Object.entries(value as object)) {
    const attribute = attributes.find(({ baseName }) => baseName === key);
    if (attribute === undefined) found.push(`${path}.${key}: unknown field`);
    else findUnknown(member, attribute.type, `${path}.${key}`, found);
  }
}

function isModel(type: string): boolean {
  return /^[A-Z]/.test(type) && type !== 'Date' && type !== 'IntOrString';
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** The API server takes null for absent; the schemas do not. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(entries.map(([key, member]) => [key, withoutNulls(member)]));
}

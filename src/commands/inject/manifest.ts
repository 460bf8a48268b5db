import {
  Document,
  type DocumentOptions,
  isAlias,
  type ParseOptions,
  parseDocument,
  type SchemaOptions,
  visit,
} from 'yaml';
import { ConfigError, type Problem } from '../../config/config-error.ts';
import {
  type Injection,
  type InjectionOptions,
  injectPod,
} from '../../kubernetes/inject/inject-pod.ts';
import { applyPatch, type JsonPatch } from '../../kubernetes/inject/json-patch.ts';
import { type PodTemplate, podTemplates } from './pod-templates.ts';
import { patchDocument } from './yaml-patch.ts';

/** A manifest with sidestub in its pods. */
export interface InjectedManifest {
  /** Documents without a change are what they were, octet by octet. */
  readonly text: string;
  readonly pods: readonly InjectedPod[];
  /** What of the spelling did not survive. */
  readonly notes: readonly Problem[];
}

/** What became of one pod of a manifest. */
export interface InjectedPod {
  /** `FILE:LINE` of its document. */
  readonly place: string;
  readonly label: string;
  readonly injection: Injection;
}

/**
 * Injects every pod of a manifest: YAML of any number of documents, or JSON.
 *
 * @param file - What to call it where something is wrong.
 * @throws {ConfigError} When it is neither YAML nor JSON; names every place.
 */
export function injectManifest(
  text: string,
  file: string,
  options: InjectionOptions,
): InjectedManifest {
  const json = parseJson(text);
  if (json !== undefined) return injectJson(json, text, `${file}:1`, options);
  const parts = documentsOf(text).map((part) => injectYaml(part, file, options));
  return {
    text: parts.map((part) => part.text).join(''),
    pods: parts.flatMap(({ pods }) => pods),
    notes: parts.flatMap(({ notes }) => notes),
  };
}

/** As kubectl reads it: YAML 1.1 with `yes` and `<<`, but dates and times of day are text (Go's yaml.v2). */
const KUBECTL_YAML: ParseOptions & DocumentOptions & SchemaOptions = {
  version: '1.1',
  customTags: (tags) =>
    tags.filter(
      (tag) =>
        typeof tag === 'string' ||
        (tag.tag !== 'tag:yaml.org,2002:timestamp' && tag.format !== 'TIME'),
    ),
};

interface DocumentText {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** YAML 1.2 §9.1.2: a marker in the first column ends a document wherever it stands, in a block scalar too. */
function documentsOf(text: string): DocumentText[] {
  let line = 1;
  return text.split(/^(?=---(?:\s|$))/m).map((part) => {
    const document = { text: part, line };
    line += part.split('\n').length - 1;
    return document;
  });
}

function injectYaml(
  { text, line }: DocumentText,
  file: string,
  options: InjectionOptions,
): InjectedManifest {
  const document = parseDocument(text, KUBECTL_YAML);
  const problems = document.errors.map(({ message, linePos }) => ({
    place: `${file}:${line - 1 + (linePos?.[0].line ?? 1)}:${linePos?.[0].col ?? 1}`,
    reason: message.split('\n', 1)[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? message,
  }));
  if (problems.length > 0) throw new ConfigError(problems);
  const place = `${file}:${line + (text.startsWith('---') ? 1 : 0)}`;
  const { pods, patches } = injectObject(document.toJS(), place, options);
  if (patches.length === 0) return { text, pods, notes: [] };
  if (hasAliases(document)) return rewritten(document, { place, pods, patches, text });
  for (const { template, patch } of patches) patchDocument(document, template.path, patch);
  return { text: print(document, text), pods, notes: [] };
}

interface Patched {
  readonly template: PodTemplate;
  readonly patch: JsonPatch;
}

function injectObject(object: unknown, place: string, options: InjectionOptions) {
  const pods: InjectedPod[] = [];
  const patches: Patched[] = [];
  for (const template of podTemplates(object)) {
    const namespace = template.namespace ?? options.namespace;
    const injection = injectPod(template.pod, { ...options, namespace });
    pods.push({ place, label: template.label, injection });
    if ('patch' in injection && injection.patch.length > 0) {
      patches.push({ template, patch: injection.patch });
    }
  }
  return { pods, patches };
}

function hasAliases(document: Document): boolean {
  let found = false;
  visit(document, (_, node) => {
    if (!isAlias(node)) return undefined;
    found = true;
    return visit.BREAK;
  });
  return found;
}

/** One place that has several names cannot get what only one of them is to have: everything is written out. */
function rewritten(
  document: Document,
  {
    place,
    pods,
    patches,
    text,
  }: Pick<InjectedManifest, 'pods' | 'text'> & {
    readonly place: string;
    readonly patches: readonly Patched[];
  },
): InjectedManifest {
  const copy = new Document(patchObject(document.toJS(), patches), {
    ...KUBECTL_YAML,
    aliasDuplicateObjects: false,
  });
  // An explicit 1.1 would be printed as a directive, which kubectl does not read.
  copy.directives = document.directives?.clone();
  const note = { place, reason: 'has aliases: written out, without its comments' };
  return { text: print(copy, text), pods, notes: [note] };
}

function patchObject(object: unknown, patches: readonly Patched[]): unknown {
  return patches.reduce((patched, { template, patch }) => {
    const prefix = template.path.map((token) => `/${token}`).join('');
    return applyPatch(
      patched,
      patch.map((operation) => ({ ...operation, path: prefix + operation.path })),
    );
  }, object);
}

/** kubectl writes lists without indentation, people often with: what the document does, it goes on doing. */
function print(document: Document, text: string): string {
  const flush = /^( *)[^\s#-][^\n]*:[ \t]*\n\1- /m.test(text);
  return document.toString({
    lineWidth: 0,
    indentSeq: !flush,
    flowCollectionPadding: /\{ /.test(text),
  });
}

function injectJson(
  json: object,
  text: string,
  place: string,
  options: InjectionOptions,
): InjectedManifest {
  const { pods, patches } = injectObject(json, place, options);
  if (patches.length === 0) return { text, pods, notes: [] };
  const indent = /^[[{]\n( +|\t)/.exec(text.trimStart())?.[1] ?? (text.includes('\n') ? '  ' : '');
  return {
    text: `${JSON.stringify(patchObject(json, patches), undefined, indent)}\n`,
    pods,
    notes: [],
  };
}

/** YAML would read JSON too, and write something else. */
function parseJson(text: string): object | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

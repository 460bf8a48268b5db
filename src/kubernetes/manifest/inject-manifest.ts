import { InputError, type Problem } from '../../input-error.ts';
import type { InjectionOptions } from '../inject/inject-pod.ts';
import { type Removal, removeFromPod } from '../inject/remove-pod.ts';
import { type Update, updatePod } from '../inject/update-pod.ts';
import { type DocumentTree, readTree, type TreeProblem } from './document-tree.ts';
import { type DocumentText, splitDocuments } from './documents.ts';
import { type Change, patchText } from './patch-text.ts';
import { type PodTemplate, podTemplates, type UnknownTemplate } from './pod-templates.ts';
import { plainValue } from './raw-scalar.ts';
import type { TemplatePaths } from './template-paths.ts';
import { lineOf } from './text-lines.ts';

/** A manifest with sidestub in its pods. */
export interface InjectedManifest {
  /** Octet for octet the same except for the insertions. */
  readonly text: string;
  readonly pods: readonly InjectedPod[];
  readonly unknown: readonly (UnknownTemplate & { readonly place: string })[];
}

/** The result for one pod of a manifest. */
export interface InjectedPod {
  /** `FILE:LINE` of its document. */
  readonly place: string;
  readonly label: string;
  readonly injection: Update | Removal;
}

/** What is to be done with manifests. */
export interface ManifestOptions extends InjectionOptions {
  readonly templatePaths: TemplatePaths;
  /** Take sidestub out instead of putting it in. */
  readonly remove: boolean;
}

/**
 * Adds sidestub to every pod of a manifest, changes it to the given options, or removes it: YAML with any number of
 * documents, or JSON objects one after another.
 *
 * @param file - Its name in error messages.
 * @throws {InputError} When it is neither YAML nor JSON; it lists every place.
 */
export function injectManifest(
  text: string,
  file: string,
  options: ManifestOptions,
): InjectedManifest {
  const read = splitDocuments(text).map((document) => ({
    document,
    tree: readTree(document.text),
  }));
  const problems = read.flatMap(({ document, tree }) =>
    'text' in tree ? [] : tree.map((problem) => placed(problem, document, file)),
  );
  if (problems.length > 0) throw new InputError(summary(problems, text, file));
  const parts = read.map(({ document, tree }) =>
    injectDocument(document, tree as DocumentTree, file, options),
  );
  return {
    text: parts.map((part) => part.text).join(''),
    pods: parts.flatMap(({ pods }) => pods),
    unknown: parts.flatMap(({ unknown }) => unknown),
  };
}

function placed({ offset, reason }: TreeProblem, { text, line }: DocumentText, file: string) {
  const inDocument = lineOf(text, offset);
  const column = offset - text.lastIndexOf('\n', offset - 1);
  return { place: `${file}:${line + inDocument - 1}:${column}`, reason };
}

/** Enough to see what is wrong. */
const MAX_PROBLEMS = 5;

/** In a Helm template or the like every line is an error: one message says what to do about it. */
function summary(problems: readonly Problem[], text: string, file: string): readonly Problem[] {
  const template = /\{\{-?[^}]*\}\}/.exec(text);
  if (template !== null) {
    const place = `${file}:${lineOf(text, template.index)}`;
    return [
      {
        place,
        reason: 'a template, not YAML yet: render it first (helm template … | sidestub inject)',
      },
    ];
  }
  if (problems.length <= MAX_PROBLEMS) return problems;
  const more = `and ${problems.length - MAX_PROBLEMS} more`;
  return [...problems.slice(0, MAX_PROBLEMS), { place: file, reason: more }];
}

function injectDocument(
  document: DocumentText,
  tree: DocumentTree,
  file: string,
  options: ManifestOptions,
): InjectedManifest {
  const place = `${file}:${document.line + firstLine(document.text)}`;
  const { templates, unknown } = podTemplates(tree.value, options.templatePaths);
  const pods = templates.map((template) => ({
    template,
    injection: injectTemplate(template, options),
  }));
  const changes = pods.flatMap(({ template, injection }): Change[] =>
    'patch' in injection && injection.patch.length > 0
      ? [{ path: template.path, patch: injection.patch, isRemoval: options.remove }]
      : [],
  );
  const written = patchText(tree, changes);
  return {
    text: typeof written === 'string' ? written : document.text,
    pods: pods.map(({ template: { label }, injection }) => ({
      place,
      label,
      injection:
        typeof written === 'string' || !('patch' in injection) || injection.patch.length === 0
          ? injection
          : unwritten(written, document, file),
    })),
    unknown: unknown.map((each) => ({ ...each, place })),
  };
}

/** Lines of a document before its content: those of its marker and of its directives. */
function firstLine(text: string): number {
  const [head = ''] = /^(?:%[^\n]*\n)*(?:---[ \t\r]*\n)?/.exec(text) ?? [];
  return head.split('\n').length - 1;
}

function injectTemplate(
  { pod, namespace, warnings }: PodTemplate,
  options: ManifestOptions,
): Update | Removal {
  if (options.remove) return removeFromPod(plainValue(pod));
  const injection = updatePod(plainValue(pod), {
    ...options,
    namespace: namespace ?? options.namespace,
  });
  if (!('patch' in injection)) return injection;
  return { ...injection, warnings: [...injection.warnings, ...warnings] };
}

function unwritten(problem: TreeProblem, document: DocumentText, file: string): Update {
  const { place, reason } = placed(problem, document, file);
  return {
    outcome: 'refused',
    reason: 'invalid',
    message: `${place}: ${reason}, as it is written here`,
  };
}

import { InputError, type Problem } from '../input-error.ts';
import {
  type InjectedManifest,
  type InjectedPod,
  injectManifest,
  type ManifestOptions,
} from '../kubernetes/manifest/inject-manifest.ts';
import { encodeManifest } from '../kubernetes/manifest/manifest-encoding.ts';
import { parseTemplatePath, TemplatePaths } from '../kubernetes/manifest/template-paths.ts';
import {
  type Command,
  type CommandContext,
  ExitCode,
  isSet,
  textFlag,
  UsageError,
} from './command.ts';
import { diffText } from './inject/diff-text.ts';
import { clusterZoneOf, injectionFlags, injectionOptions } from './inject/injection-flags.ts';
import { type ManifestFile, readManifestFiles } from './inject/manifest-files.ts';

/** Puts sidestub into the pods of manifests. */
export const command: Command = {
  summary: 'put sidestub into the pods of Kubernetes manifests',
  usage: `sidestub inject [-f FILE]… [options]

Reads Pods, Jobs, CronJobs, Deployments, StatefulSets, DaemonSets, Argo Rollouts, Knative Services
and Lists of them, YAML of any number of documents or JSON, and prints them with sidestub as a native
sidecar (Kubernetes >= 1.29). Everything that it does not insert stays as it is, octet for octet.
What is injected already is brought to this version and to the flags given now. On a terminal it
prints the difference instead. What is left alone is named on stderr with the reason; exit code 1
when that is something to mend.

  kubectl create job build --image=alpine --dry-run=client -o yaml | sidestub inject | kubectl apply -f -
  sidestub inject -f job.yaml --pin git.corp.example --ready git.corp.example
  sidestub inject -f k8s/ci --output diff`,
  options: {
    filename: {
      type: 'string',
      short: 'f',
      multiple: true,
      hint: 'FILE|DIR|-',
      meaning: 'what to read; - is stdin, and the default',
    },
    output: {
      type: 'string',
      short: 'o',
      hint: 'yaml|diff',
      meaning: 'what to print: diff on a terminal, yaml elsewhere',
    },
    namespace: {
      type: 'string',
      short: 'n',
      hint: 'NAME',
      meaning: 'of objects that do not say theirs, for modes none and node',
    },
    remove: {
      type: 'boolean',
      meaning: 'take sidestub out again: what was there before comes back, octet for octet',
    },
    'template-path': {
      type: 'string',
      multiple: true,
      hint: 'KIND[.GROUP]=PATH',
      meaning: 'where another kind has its pods: Job.batch.volcano.sh=spec.tasks[*].template',
    },
    ...injectionFlags,
  },
  main,
};

async function main(context: CommandContext): Promise<number> {
  const { flags, positionals, version } = context;
  if (positionals.length > 0) {
    throw new UsageError(`unexpected argument: ${positionals[0]}; files are named by -f`);
  }
  const chosen = injectionOptions(flags, version);
  const options: ManifestOptions = {
    ...chosen,
    clusterDns: chosen.clusterDns ?? clusterZoneOf(flags),
    restorable: true,
    templatePaths: templatePathsOf(context),
    remove: isSet(flags, 'remove'),
  };
  const asDiff = printsDiff(context);
  const results = await injectFiles(filesOf(context), options);
  for (const { file, injected } of results) reportOn(injected, file.name, context);
  if (asDiff) printDiffs(results, context);
  else printManifests(results, context);
  const refused = results.some(({ injected: { pods } }) =>
    pods.some(({ injection }) => injection.outcome === 'refused'),
  );
  return refused ? ExitCode.FAILURE : ExitCode.OK;
}

interface Result {
  readonly file: ManifestFile;
  readonly injected: InjectedManifest;
}

/** Reads every file before printing anything, so that a mistake in one never leaves half of them printed. */
async function injectFiles(names: readonly string[], options: ManifestOptions): Promise<Result[]> {
  const files = await readManifestFiles(names);
  const problems: Problem[] = [];
  const results = files.flatMap((file): Result[] => {
    try {
      return [{ file, injected: injectManifest(file.text, file.name, options) }];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      problems.push(...error.problems);
      return [];
    }
  });
  if (problems.length > 0) throw new InputError(problems);
  return results;
}

function printDiffs(results: readonly Result[], { stdout }: CommandContext): void {
  for (const { file, injected } of results) {
    stdout.write(diffText(file.name, file.text, injected.text, stdout.isTTY === true));
  }
}

/** A single file is written in its own encoding; several become documents of one stream, in UTF-8. */
function printManifests(results: readonly Result[], { stdout }: CommandContext): void {
  const [first] = results;
  if (first !== undefined && results.length === 1) {
    const { file, injected } = first;
    const isPlain = file.encoding === 'utf-8' && !file.hasMark;
    stdout.write(isPlain ? injected.text : encodeManifest({ ...file, text: injected.text }));
    return;
  }
  for (const [index, { injected }] of results.entries()) {
    const { text } = injected;
    if (index > 0 && !text.startsWith('---')) stdout.write('---\n');
    stdout.write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  }
}

function reportOn(
  { pods, unknown }: InjectedManifest,
  file: string,
  { stderr }: CommandContext,
): void {
  for (const pod of pods) stderr.write(report(pod));
  for (const { place, label, templatePath } of unknown) {
    stderr.write(
      `sidestub: ${place}: ${label} left as it is: a kind that is not known; to inject its pods: --template-path '${templatePath}'\n`,
    );
  }
  if (pods.length === 0 && unknown.length === 0) {
    stderr.write(`sidestub: ${file}: no pods in it\n`);
  }
}

function filesOf({ flags }: CommandContext): readonly string[] {
  const { filename } = flags;
  return Array.isArray(filename) ? filename.map(String) : ['-'];
}

function printsDiff({ flags, stdout }: CommandContext): boolean {
  const output = textFlag(flags, 'output') ?? (stdout.isTTY === true ? 'diff' : 'yaml');
  if (output !== 'yaml' && output !== 'diff') {
    throw new UsageError(`--output is not yaml or diff: ${output}`);
  }
  return output === 'diff';
}

function templatePathsOf({ flags }: CommandContext): TemplatePaths {
  const texts = flags['template-path'];
  const named = (Array.isArray(texts) ? texts.map(String) : []).map((text) => {
    const path = parseTemplatePath(text);
    if (path === undefined) {
      throw new UsageError(`--template-path is not KIND[.GROUP]=PATH: ${text}`);
    }
    return path;
  });
  return new TemplatePaths(named);
}

/** One line for each pod, and one for each warning. */
function report({ place, label, injection }: InjectedPod): string {
  const head = `sidestub: ${place}: ${label}`;
  if (!('patch' in injection)) {
    return `${head} ${injection.outcome}: ${injection.message}\n`;
  }
  const lines = [done(injection), ...injection.warnings.map((warning) => `warning: ${warning}`)];
  return lines.map((line) => `${head} ${line}\n`).join('');
}

function done(injection: Extract<InjectedPod['injection'], { patch: unknown }>): string {
  if (injection.outcome === 'removed') return 'removed';
  if (!('mode' in injection)) return 'unchanged: not injected';
  if ('changes' in injection) return `updated (${injection.mode}): ${injection.changes.join(', ')}`;
  if (injection.outcome === 'unchanged') return 'unchanged: injected already';
  return `injected (${injection.mode})`;
}

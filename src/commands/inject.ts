import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { ConfigError } from '../config/config-error.ts';
import { type Command, type CommandContext, ExitCode, textFlag, UsageError } from './command.ts';
import { diffText } from './inject/diff-text.ts';
import { injectionFlags, injectionOptions } from './inject/injection-flags.ts';
import { type InjectedManifest, type InjectedPod, injectManifest } from './inject/manifest.ts';
import { printNotes } from './sources.ts';

/** Puts sidestub into the pods of manifests. */
export const command: Command = {
  summary: 'put sidestub into the pods of Kubernetes manifests',
  usage: `sidestub inject [-f FILE]… [options]

Reads Pods, Jobs, CronJobs, Deployments, StatefulSets, DaemonSets and Lists of them, YAML of any
number of documents or JSON, and prints them with sidestub as a native sidecar (Kubernetes >= 1.29).
What is injected already stays as it is. On a terminal it prints the difference instead. What is
left alone is named on stderr with the reason; exit code 1 when that is something to mend.

  kubectl create job build --image=alpine --dry-run=client -o yaml | sidestub inject | kubectl apply -f -
  sidestub inject -f job.yaml --pin git.corp.example --ready git.corp.example
  sidestub inject -f k8s/ci.yaml --output diff`,
  options: {
    filename: {
      type: 'string',
      short: 'f',
      multiple: true,
      hint: 'FILE|-',
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
      meaning: 'of objects that do not say theirs, for mode none',
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
  const options = injectionOptions(flags, version);
  const print = printsDiff(context) ? printDiff : printYaml;
  const all: InjectedPod[] = [];
  for (const [index, name] of filesOf(context).entries()) {
    const before = await readManifest(name);
    const file = name === '-' ? 'stdin' : name;
    const injected = injectManifest(before, file, options);
    reportOn(injected, file, context);
    print(context, { file, before, after: injected.text, first: index === 0 });
    all.push(...injected.pods);
  }
  const refused = all.some(({ injection }) => injection.outcome === 'refused');
  return refused ? ExitCode.FAILURE : ExitCode.OK;
}

interface Printed {
  readonly file: string;
  readonly before: string;
  readonly after: string;
  readonly first: boolean;
}

function printDiff({ stdout }: CommandContext, { file, before, after }: Printed): void {
  stdout.write(diffText(file, before, after, stdout.isTTY === true));
}

/** Files are documents of one stream. */
function printYaml({ stdout }: CommandContext, { after, first }: Printed): void {
  if (!first && !after.startsWith('---')) stdout.write('---\n');
  stdout.write(after.endsWith('\n') ? after : `${after}\n`);
}

function reportOn(
  { pods, notes }: InjectedManifest,
  file: string,
  { stderr }: CommandContext,
): void {
  printNotes(notes, stderr);
  for (const pod of pods) stderr.write(report(pod));
  if (pods.length === 0) stderr.write(`sidestub: ${file}: no pods in it\n`);
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

async function readManifest(name: string): Promise<string> {
  if (name === '-') return await text(process.stdin);
  try {
    return await readFile(name, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new ConfigError([{ place: name, reason: `cannot be read: ${reason}` }]);
  }
}

/** Each pod in a line, and each warning in one of its own. */
function report({ place, label, injection }: InjectedPod): string {
  const head = `sidestub: ${place}: ${label}`;
  if (!('patch' in injection)) {
    return `${head} ${injection.outcome}: ${injection.message}\n`;
  }
  const { outcome, mode, warnings } = injection;
  const done = outcome === 'injected' ? `injected (${mode})` : 'unchanged: injected already';
  return [`${head} ${done}`, ...warnings.map((warning) => `${head} warning: ${warning}`), ''].join(
    '\n',
  );
}

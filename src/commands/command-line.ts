import { parseArgs } from 'node:util';
import { didYouMean } from '../config/closest.ts';
import { formatProblem, InputError } from '../input-error.ts';
import {
  type CommandContext,
  type CommandOptions,
  type CommandTable,
  ExitCode,
  type Flags,
  type FlagValue,
  UsageError,
} from './command.ts';
import { commandHelp, programHelp } from './help.ts';

/** What a command gets besides its arguments: environment, version, standard streams. */
export type Surroundings = Omit<CommandContext, 'flags' | 'positionals'>;

/**
 * Runs the command that the words name.
 *
 * Never rejects: an error is printed and becomes the exit code.
 *
 * @param words - The arguments that follow the program's name.
 */
export async function runCommandLine(
  words: readonly string[],
  commands: CommandTable,
  surroundings: Surroundings,
): Promise<number> {
  const [first, ...rest] = words;
  const { stdout, stderr, version } = surroundings;
  try {
    if (first === undefined) {
      stderr.write(await programHelp(commands, version));
      return ExitCode.USAGE;
    }
    if (first === '--version' || first === '-V' || first === 'version') {
      stdout.write(`sidestub ${version}\n`);
      return ExitCode.OK;
    }
    const asksHelp = first === '--help' || first === '-h' || first === 'help';
    if (asksHelp && rest.length === 0) {
      stdout.write(await programHelp(commands, version));
      return ExitCode.OK;
    }
    return asksHelp
      ? await runCommand(rest[0] ?? '', ['--help'], commands, surroundings)
      : await runCommand(first, rest, commands, surroundings);
  } catch (error) {
    return explain(error, first, stderr);
  }
}

async function runCommand(
  name: string,
  words: readonly string[],
  commands: CommandTable,
  surroundings: Surroundings,
): Promise<number> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) throw unknownCommand(name, commands);
  const { command } = await load();
  const { flags, positionals, help } = readWords(words, command.options);
  if (help) {
    surroundings.stdout.write(commandHelp(command));
    return ExitCode.OK;
  }
  return await command.main({ ...surroundings, flags, positionals });
}

function unknownCommand(name: string, commands: CommandTable): UsageError {
  // Otherwise a flag before the command would be reported as an unknown command.
  if (name.startsWith('-')) return new UsageError(`flag before the command: ${name}`);
  return new UsageError(`unknown command: ${name}${didYouMean(name, Object.keys(commands))}`);
}

interface ReadWords {
  readonly flags: Flags;
  readonly positionals: readonly string[];
  readonly help: boolean;
}

/**
 * Parses a command's arguments.
 *
 * @throws {UsageError} For a flag that is unknown, lacks its value, has a value it does not take, or is repeated and
 * may not be.
 */
function readWords(words: readonly string[], options: CommandOptions): ReadWords {
  const all: CommandOptions = { ...options, help: { type: 'boolean', short: 'h', meaning: '' } };
  const parsable = Object.entries(all).map(([name, { type, multiple, short }]) => [
    name,
    { type, multiple: multiple ?? false, ...(short === undefined ? {} : { short }) },
  ]);
  // Not strict: strict errors stop at the first problem and describe parseArgs instead of the flag.
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(parsable),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const flags = new Map<string, FlagValue>();
  const positionals: string[] = [];
  let help = false;
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    if (token.name === 'help') help = true;
    else putFlag(flags, token, all);
  }
  return { flags: Object.fromEntries(flags), positionals, help };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function putFlag(flags: Map<string, FlagValue>, token: OptionToken, options: CommandOptions): void {
  const { name, rawName } = token;
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (option === undefined) {
    const hint = didYouMean(
      rawName,
      Object.keys(options).map((known) => `--${known}`),
    );
    throw new UsageError(`unknown flag: ${rawName}${hint}`);
  }
  const value = option.type === 'boolean' ? switchOf(token) : argumentOf(token, option.hint);
  const before = flags.get(name);
  if (option.multiple === true) {
    flags.set(name, [...(Array.isArray(before) ? before : []), value]);
  } else if (before === undefined) {
    flags.set(name, value);
  } else {
    throw new UsageError(`${rawName} stands twice, and takes one value`);
  }
}

function switchOf({ rawName, value }: OptionToken): true {
  if (value !== undefined) throw new UsageError(`${rawName} takes no value: ${value}`);
  return true;
}

function argumentOf({ rawName, value, inlineValue }: OptionToken, hint = 'VALUE'): string {
  // `--listen --upstream X` is a value forgotten, not an address that is called `--upstream`.
  const forgotten = value === undefined || (inlineValue !== true && /^-./.test(value));
  if (forgotten) throw new UsageError(`${rawName} needs a value: ${rawName} ${hint}`);
  return value;
}

function explain(error: unknown, command: string | undefined, stderr: CommandContext['stderr']) {
  if (error instanceof UsageError) {
    const known = command !== undefined && !error.message.includes('command:');
    stderr.write(`sidestub: ${error.message}\n`);
    stderr.write(`Try: sidestub ${known ? `${command} ` : ''}--help\n`);
    return ExitCode.USAGE;
  }
  if (error instanceof InputError) {
    for (const problem of error.problems) stderr.write(`sidestub: ${formatProblem(problem)}\n`);
    return ExitCode.CONFIG;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  stderr.write(`sidestub: this is a bug: ${detail}\n`);
  return ExitCode.SOFTWARE;
}

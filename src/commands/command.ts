import type { Output } from '../terminal.ts';

/** One word of the command line: `sidestub NAME`. Each `src/commands/NAME.ts` exports one as `command`. */
export interface Command {
  /** Its line in `sidestub --help`: lower case, no full stop. */
  readonly summary: string;
  /** What `--help` prints above the options: a synopsis, what the command does, and an example to copy. */
  readonly usage: string;
  /** Keyed by long name, without the dashes; every command also has `--help`, which is not listed. */
  readonly options: CommandOptions;
  /**
   * Runs the command with flags that were checked against {@link options}.
   *
   * @returns The exit code.
   * @throws {UsageError} For a command line that makes no sense: printed with a pointer to `--help`, exit 64.
   * @throws {InputError} For a wrong configuration or manifest: every problem is printed, exit 78.
   */
  main(context: CommandContext): Promise<number>;
}

/** The commands by name; each is loaded only when it runs, so that `health` does not load `run`. */
export type CommandTable = Readonly<Record<string, () => Promise<{ readonly command: Command }>>>;

/** A command's flags, by long name. */
export type CommandOptions = Readonly<Record<string, CommandOption>>;

/** One flag, in the shape that `node:util` parses, with its text for `--help`. */
export interface CommandOption {
  readonly type: 'string' | 'boolean';
  /** Whether it may be repeated; its value is then a list. */
  readonly multiple?: boolean;
  readonly short?: string;
  /** The placeholder for the value in `--help`: `FILE`. */
  readonly hint?: string;
  /** One line, lower case, no full stop. */
  readonly meaning: string;
}

/** All of the process that a command may use. */
export interface CommandContext {
  readonly flags: Flags;
  /** The words that are not flags, without the command's own name. */
  readonly positionals: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The version of this package. */
  readonly version: string;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** Values of flags by long name; absent where not given. */
export type Flags = Readonly<Record<string, FlagValue | undefined>>;
export type FlagValue = string | boolean | readonly (string | boolean)[];

/** Prints a document for programs, with the version that made it first. */
export function printJson(
  { stdout, version }: Pick<CommandContext, 'stdout' | 'version'>,
  document: object,
): void {
  stdout.write(`${JSON.stringify({ sidestub: version, ...document }, undefined, 2)}\n`);
}

/** The value of a flag that takes one; `undefined` if it was not given. */
export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}

/** Whether a flag without value was given. */
export function isSet(flags: Flags, name: string): boolean {
  return flags[name] === true;
}

/** The meaning of the process's exit codes, from sysexits.h if it has one. */
export const ExitCode = {
  OK: 0,
  FAILURE: 1,
  /** EX_USAGE: the command line is wrong. */
  USAGE: 64,
  /** EX_SOFTWARE: a bug of ours. */
  SOFTWARE: 70,
  /** EX_IOERR: the result is known and could not be printed. */
  IO: 74,
  /** EX_CONFIG: the configuration, or the machine, does not allow it (S3). */
  CONFIG: 78,
} as const;

/** A command line that makes no sense; its message says what is wrong and what is expected. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

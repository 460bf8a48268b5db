import { type ParseArgsConfig, parseArgs } from 'node:util';

/** EX_USAGE, as `sidestub` exits on a wrong flag. */
const USAGE = 64;

/** As `parseArgs`, for the scripts of package.json: a wrong flag ends the process with one line, not with a stack. */
export function scriptFlags<const Config extends ParseArgsConfig>(
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // Node goes on with advice on positional arguments.
    return refuse(error.message.split('. ')[0] ?? '');
  }
}

/**
 * @param words - What the command line names; nothing means all.
 * @param known - What can be named.
 * @returns The names of `known` that are meant, in its order. A word that is not among them ends the process.
 */
export function chosenOf<Name extends string>(
  words: readonly string[],
  known: readonly Name[],
): readonly Name[] {
  const names: readonly string[] = known;
  const unknown = words.find((word) => !names.includes(word));
  if (unknown !== undefined) return refuse(`unknown: ${unknown}; there are ${known.join(', ')}`);
  return words.length === 0 ? known : known.filter((name) => words.includes(name));
}

/** Ends the process, for what the command line says cannot be done. */
export function refuse(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(USAGE);
}

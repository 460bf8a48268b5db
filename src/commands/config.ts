import { configurationFlags } from '../config/flags.ts';
import { loadSettings } from '../config/load.ts';
import { effectiveSettings, renderSettings } from '../config/render-settings.ts';
import { type Command, type CommandContext, ExitCode, isSet, UsageError } from './command.ts';
import { printNotes, sourcesOf } from './sources.ts';

/** Shows what `run` would do with the same flags, environment and files. */
export const command: Command = {
  summary: 'the effective configuration, and where each value came from',
  usage: `sidestub config [--check] [--json] [configuration flags]

Reads the configuration as \`sidestub run\` does with the same flags and environment, and prints
it as a YAML file that sets the same, each value with its origin: default, FILE:LINE, env NAME
or --flag. Every mistake is listed with its place; the exit code is then 78.

  sidestub config                                  what is in effect here
  sidestub config --config sidestub.yaml --check   only whether it is right, for CI
  SIDESTUB_TCP_IDLE=5s sidestub config | grep idle`,
  options: {
    check: { type: 'boolean', meaning: 'print nothing but problems' },
    json: { type: 'boolean', meaning: 'print JSON: {"KEY": {"value": …, "origin": …}}' },
    ...configurationFlags(),
  },
  main,
};

async function main(context: CommandContext): Promise<number> {
  const { flags, positionals, stdout, stderr } = context;
  if (positionals.length > 0) throw new UsageError(`unexpected argument: ${positionals[0]}`);
  const { settings, origins, notes } = loadSettings(await sourcesOf(context));
  printNotes(notes, stderr);
  if (isSet(flags, 'check')) return ExitCode.OK;
  const effective = effectiveSettings(settings, origins);
  if (isSet(flags, 'json')) {
    const entries = effective.map(({ key, value, origin }) => [key, { value, origin }]);
    stdout.write(`${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`);
  } else {
    stdout.write(`# sidestub ${context.version}\n${renderSettings(effective)}`);
  }
  return ExitCode.OK;
}

import type { Command, CommandOption, CommandTable } from './command.ts';

/** What `sidestub --help` prints: the commands, and for each common question the command that answers it. */
export async function programHelp(commands: CommandTable, version: string): Promise<string> {
  const names = Object.keys(commands);
  const width = Math.max(...names.map((name) => name.length));
  const lines = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => {
      const { command } = await load();
      return `  ${name.padEnd(width)}  ${command.summary}`;
    }),
  );
  return `sidestub ${version}: a DNS stub resolver beside the programs that ask it

${lines.join('\n')}

Try it, without root:
  sidestub run --listen 127.0.0.1:5353
  sidestub query example.com --server 127.0.0.1:5353

Why was a lookup slow, or why did it fail?
  sidestub explain git.example.com   each name that is asked for, through the daemon and without it
  http://127.0.0.1:9553/             what happens now; the last slow and failed lookups, and why

Is it set up as it should be?
  sidestub config                    every setting in effect, and where it comes from
  sidestub health                    ready, or the reason why not
  sidestub wait git.example.com      until the name resolves, or why it does not

Settings come from a YAML file (--config FILE), SIDESTUB_… in the environment and flags; the later wins.
Exit codes: 0 done, 1 not so, 64 wrong command line, 70 a bug of ours, 78 wrong configuration or machine.

  sidestub COMMAND --help   what a command does, with an example
  sidestub --version
`;
}

/** What `sidestub COMMAND --help` prints. */
export function commandHelp({ usage, options }: Command): string {
  const entries = Object.entries(options);
  if (entries.length === 0) return `${usage}\n`;
  return `${usage}\n\nOptions:\n${entries.map(([name, option]) => optionHelp(name, option)).join('')}`;
}

/** The column of the meanings; the meaning of a longer option goes on the next line. */
const MEANING_COLUMN = 30;

function optionHelp(name: string, { short, hint, multiple, meaning }: CommandOption): string {
  const flag = `${short === undefined ? '' : `-${short}, `}--${name}${hint === undefined ? '' : ` ${hint}`}`;
  const head = `  ${flag}${multiple === true ? ' …' : ''}`;
  const gap = head.length + 2 <= MEANING_COLUMN ? '' : `\n${' '.repeat(MEANING_COLUMN)}`;
  return `${gap === '' ? head.padEnd(MEANING_COLUMN) : head + gap}${meaning}\n`;
}

import type { Command, CommandOption } from './command.ts';
import type { CommandTable } from './command-line.ts';

/** What `sidestub --help` prints. */
export async function programHelp(commands: CommandTable): Promise<string> {
  const names = Object.keys(commands);
  const width = Math.max(...names.map((name) => name.length));
  const lines = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => {
      const { command } = await load();
      return `  ${name.padEnd(width)}  ${command.summary}`;
    }),
  );
  return `sidestub: a DNS stub resolver beside the programs that ask it

${lines.join('\n')}

  sidestub COMMAND --help   what a command does, with an example
  sidestub --version

Start here:  sidestub run --listen 127.0.0.1:5353
then:        sidestub query example.com --server 127.0.0.1:5353
`;
}

/** What `sidestub COMMAND --help` prints. */
export function commandHelp({ usage, options }: Command): string {
  const entries = Object.entries(options);
  if (entries.length === 0) return `${usage}\n`;
  return `${usage}\n\nOptions:\n${entries.map(([name, option]) => optionHelp(name, option)).join('')}`;
}

/** Where the meanings stand; an option that is longer has its meaning on the next line. */
const MEANING_COLUMN = 30;

function optionHelp(name: string, { short, hint, multiple, meaning }: CommandOption): string {
  const flag = `${short === undefined ? '' : `-${short}, `}--${name}${hint === undefined ? '' : ` ${hint}`}`;
  const head = `  ${flag}${multiple === true ? ' …' : ''}`;
  const gap = head.length + 2 <= MEANING_COLUMN ? '' : `\n${' '.repeat(MEANING_COLUMN)}`;
  return `${gap === '' ? head.padEnd(MEANING_COLUMN) : head + gap}${meaning}\n`;
}

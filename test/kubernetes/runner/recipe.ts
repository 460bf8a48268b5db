import { readFileSync } from 'node:fs';
import { parse as parseToml } from 'smol-toml';
import type { Runner } from './job-pod.ts';

const CONFIG = readFileSync(new URL('../../../k8s/gitlab/config.toml', import.meta.url), 'utf8');

const FLAG = 'FF_USE_ADVANCED_POD_SPEC_CONFIGURATION = true';

/** The three pieces of a recipe, as text: what the quick start has an administrator copy. */
export interface Pieces {
  readonly flag: string;
  readonly volume: string;
  readonly podSpec: string;
}

/** The pieces of the first runner of k8s/gitlab/config.toml. */
export function pieces(): Pieces {
  return {
    flag: found(/^ *FF_USE_ADVANCED_POD_SPEC_CONFIGURATION = true$/m),
    volume: found(
      /^ *\[\[runners\.kubernetes\.volumes\.empty_dir\]\]\n *name = "sidestub"\n(?: *\w+ = .*\n)+/m,
    ),
    podSpec: found(
      /^ *\[\[runners\.kubernetes\.pod_spec\]\]\n *name = "sidestub"\n[\s\S]*?'''[\s\S]*?'''\n/m,
    ),
  };
}

function found(pattern: RegExp): string {
  const match = pattern.exec(CONFIG);
  if (match === null) throw new Error(`not in config.toml: ${pattern}`);
  return match[0];
}

/** The text of each runner of a configuration, by its name. */
export function runnerTexts(toml: string): Map<string, string> {
  const [, ...blocks] = toml.split(/^(?=\[\[runners\]\])/m);
  return new Map(blocks.map((block) => [/name = "(.*)"/.exec(block)?.[1] ?? '', block]));
}

/**
 * Adds the pieces to a runner as the quick start says: the flag to the table of flags, which may be there already, and the
 * other two at the end.
 */
export function withPieces(runner: string, { flag, volume, podSpec }: Partial<Pieces>): string {
  const table = /^ *\[runners\.feature_flags\]\n/m;
  const flagged =
    flag === undefined || table.test(runner)
      ? runner.replace(table, (header) => `${header}${flag === undefined ? '' : `    ${FLAG}\n`}`)
      : `${runner}\n  [runners.feature_flags]\n${flag}\n`;
  return [flagged, volume ?? '', podSpec ?? ''].join('\n');
}

/** The first runner of a configuration. @throws {Error} As GitLab Runner refuses text that is no TOML. */
export function runnerOf(toml: string): Runner {
  const [runner] = (parseToml(toml) as unknown as { runners: Runner[] }).runners;
  if (runner === undefined) throw new Error('no runner');
  return runner;
}

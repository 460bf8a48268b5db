import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { scriptFlags } from '../../docker/script-flags.ts';
import type { Milliseconds } from '../../src/clock.ts';
import { CLIENT_CORE, spawnOn } from './bench-process.ts';
import { machine } from './report.ts';

const CLI = process.env['SIDESTUB_CLI'] ?? join(import.meta.dirname, '../../dist/cli.js');

/**
 * What a pod's postStart hook takes where the daemon is ready already, beside Node with an empty script and the command
 * with one flag more, which loads the configuration.
 *
 * @param args - `--runs=N`.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = scriptFlags({ args, options: { runs: { type: 'string', default: '20' } } });
  const server = createServer((_, response) => response.end('{"ready":true}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const wait = [CLI, 'wait', '--metrics', `127.0.0.1:${(server.address() as AddressInfo).port}`];
  const commands = new Map([
    ['node -e 0', ['-e', '0']],
    ['the hook', wait],
    ['the command', [...wait, '--timeout', '30s']],
  ]);
  const times = new Map<string, Milliseconds[]>([...commands.keys()].map((name) => [name, []]));
  for (let turn = 0; turn < Number(values.runs); turn++) {
    for (const [name, words] of commands) {
      const began = performance.now();
      const child = spawnOn(CLIENT_CORE, [process.execPath, ...words], { stdio: 'ignore' });
      const [code] = await once(child, 'exit');
      if (code !== 0) throw new Error(`${name}: exit code ${code}`);
      times.get(name)?.push(performance.now() - began);
    }
  }
  server.close();
  for (const [name, taken] of times) {
    const sorted = taken.toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1] ?? Number.NaN;
    process.stdout.write(
      `${name.padEnd(12)} median ${median.toFixed(0)} ms, least ${sorted[0]?.toFixed(0)} ms\n`,
    );
  }
  process.stdout.write(`${values.runs} turns. ${machine()}.\n`);
}

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scratch } from '../observe/running-sidestub.ts';
import { freePort } from '../support/free-port.ts';
import { MONITORING } from './monitoring.ts';

/** One element of an instant vector. */
export interface Vector {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** A rule as Prometheus has it. */
export interface LoadedRule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  readonly state?: string;
}

/** What these helpers need of a tap test. */
interface Test {
  teardown(undo: () => unknown): void;
}

const BOUND = 30_000;

/** Debian's Prometheus on a free port, with our rules; it scrapes `target` twice a second. */
export async function startPrometheus(t: Test, target: string) {
  const place = scratch(t);
  copyFileSync(fileURLToPath(new URL('rules.yaml', MONITORING)), join(place, 'rules.yaml'));
  const config = {
    global: { scrape_interval: '500ms', evaluation_interval: '500ms' },
    rule_files: ['rules.yaml'],
    scrape_configs: [
      { job_name: 'sidestub', static_configs: [{ targets: [target.replace('http://', '')] }] },
    ],
  };
  // JSON is YAML.
  writeFileSync(join(place, 'prometheus.yml'), JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(place, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(place, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    { stdio: 'ignore' },
  );
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill();
    await exited;
  });
  const get = async (path: string): Promise<unknown> => {
    const reply = await fetch(`http://${address}${path}`);
    const { status, data, error } = (await reply.json()) as Record<string, unknown>;
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
  const deadline = performance.now() + BOUND;
  for (;;) {
    const isReady = await fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) break;
    if (performance.now() > deadline || child.exitCode !== null) throw new Error('no Prometheus');
    await wait(50);
  }
  return {
    async query(expr: string): Promise<Vector[]> {
      const data = await get(`/api/v1/query?query=${encodeURIComponent(expr)}`);
      return (data as { result: Vector[] }).result;
    },
    async rules(): Promise<{ rules: LoadedRule[] }[]> {
      return ((await get('/api/v1/rules')) as { groups: { rules: LoadedRule[] }[] }).groups;
    },
  };
}

/** Whether a program is installed. */
export async function has(program: string): Promise<boolean> {
  return promisify(execFile)(program, ['--version']).then(
    () => true,
    () => false,
  );
}

/** As the lab does: where CI promises the tools, their absence is a failure. */
export function skip(
  t: { pass(message: string, extra: object): unknown; fail(m: string): unknown },
  program: string,
): void {
  const { SIDESTUB_E2E: mode } = process.env;
  if (mode === 'required') t.fail(`not installed: ${program}`);
  else t.pass('needs Prometheus', { skip: `not installed: ${program}` });
}

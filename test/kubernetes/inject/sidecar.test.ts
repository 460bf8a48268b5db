import { test } from 'tap';
import { environmentName, SETTING_KEYS } from '../../../src/config/schema.ts';
import { sidecarContainer } from '../../../src/kubernetes/inject/sidecar.ts';
import { testOptions } from './pod-files.ts';

function variables(choices: Partial<typeof testOptions>): string[] {
  const { env = [] } = sidecarContainer({ ...testOptions, ...choices }) as {
    env?: { name: string }[];
  };
  return env.map(({ name }) => name).filter((name) => name.startsWith('SIDESTUB_'));
}

const known = SETTING_KEYS.map(environmentName);

test('the daemon knows the variable of the pins', (t) => {
  for (const name of variables({ pins: ['git.example'] })) t.ok(known.includes(name), name);
  t.end();
});

test('the daemon knows the variable of the names to be ready for', (t) => {
  for (const name of variables({ readyNames: ['git.example'] })) t.ok(known.includes(name), name);
  t.end();
});

test('the daemon knows the variable of who may ask at the pod IP', (t) => {
  for (const name of variables({ listen: 'pod' })) t.ok(known.includes(name), name);
  t.end();
});

test('at the pod IP that address comes first, for the published file names the first', (t) => {
  const { args } = sidecarContainer({ ...testOptions, listen: 'pod' }) as { args: string[] };
  const listeners = args.flatMap((arg, index) => (arg === '--listen' ? [args[index + 1]] : []));
  t.strictSame(listeners, ['$(POD_IP)', '127.0.0.1']);
  t.end();
});

import { readFileSync } from 'node:fs';
import { test } from 'tap';
import { jobPod, type Pod, patchesOf, type Runner } from './job-pod.ts';
import { type MadePod, type MakePods, podMaker } from './pod-maker.ts';
import { pieces, runnerOf, runnerTexts, withPieces } from './recipe.ts';

// Each row of the quick start's table that shows in the pod, or in what the API server says of it.

const BARE =
  runnerTexts(readFileSync(new URL('configurations.toml', import.meta.url), 'utf8')).get('bare') ??
  '';
const ALL = pieces();

async function make(makePods: MakePods, runner: Runner): Promise<MadePod> {
  const [made] = await makePods([{ pod: jobPod(runner), patches: patchesOf(runner) }]);
  if (made === undefined) throw new Error('no pod');
  return made;
}

function initContainers({ pod }: MadePod): string[] {
  return (pod as Pod).spec.initContainers.map(({ name }) => name);
}

test('without the flag the volume is mounted and nothing publishes into it', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const made = await make(
    makePods,
    runnerOf(withPieces(BARE, { volume: ALL.volume, podSpec: ALL.podSpec })),
  );
  t.strictSame(made.problems, [], 'the API server takes it');
  t.strictSame(initContainers(made), ['init-permissions'], 'no sidestub');
  const build = (made.pod as Pod).spec.containers[0];
  t.match(build?.volumeMounts?.at(-1), { mountPath: '/etc/resolv.conf', subPath: 'resolv.conf' });
});

test('without the volume the API server refuses the pod', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const made = await make(
    makePods,
    runnerOf(withPieces(BARE, { flag: ALL.flag, podSpec: ALL.podSpec })),
  );
  t.strictSame(made.problems, [
    'spec.initContainers[0].volumeMounts[0].name: Not found: "sidestub"',
  ]);
});

test('patch_type "merge" takes init-permissions away', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const podSpec = ALL.podSpec.replace('"strategic"', '"merge"');
  const made = await make(makePods, runnerOf(withPieces(BARE, { ...ALL, podSpec })));
  t.strictSame(made.problems, [], 'the API server takes it');
  t.strictSame(initContainers(made), ['sidestub']);
});

test('patch_type "json" is refused by the runner', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const podSpec = ALL.podSpec.replace('"strategic"', '"json"');
  const made = await make(makePods, runnerOf(withPieces(BARE, { ...ALL, podSpec })));
  t.match(made.refused, /cannot unmarshal object into Go value of type jsonpatch.Patch/);
});

const LATER = (patch: string): string =>
  `  [[runners.kubernetes.pod_spec]]\n    name = "later"\n    patch_type = "strategic"\n    patch = '''\n${patch}\n'''\n`;

test('sysctls of a later pod_spec replace ours', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const later = LATER('securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: "1"}]}');
  const made = await make(makePods, runnerOf(`${withPieces(BARE, ALL)}\n${later}`));
  t.strictSame(made.problems, []);
  t.strictSame(
    (made.pod as Pod).spec.securityContext?.sysctls?.map(({ name }) => name),
    ['net.ipv4.tcp_syncookies'],
  );
});

test('init containers of a later pod_spec stand in front of sidestub', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const later = LATER('initContainers: [{name: tools, image: "tools:1"}]');
  const made = await make(makePods, runnerOf(`${withPieces(BARE, ALL)}\n${later}`));
  t.strictSame(initContainers(made), ['tools', 'sidestub', 'init-permissions']);
});

test('a runner older than 18.7 drops restartPolicy, and the API server refuses the pod', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const podSpec = ALL.podSpec.replace(/\n *restartPolicy: Always/, '');
  t.not(podSpec, ALL.podSpec);
  const made = await make(makePods, runnerOf(withPieces(BARE, { ...ALL, podSpec })));
  t.strictSame(made.problems, [
    'spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always',
  ]);
});

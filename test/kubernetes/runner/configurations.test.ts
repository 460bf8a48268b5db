import { readFileSync } from 'node:fs';
import { type Test, test } from 'tap';
import { injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { sidecarContainer } from '../../../src/kubernetes/inject/sidecar.ts';
import { testOptions } from '../inject/pod-files.ts';
import { jobPod, type Pod, patchesOf } from './job-pod.ts';
import { type MadePod, type MakePods, podMaker } from './pod-maker.ts';
import { pieces, runnerOf, runnerTexts, withPieces } from './recipe.ts';

const TEXTS = runnerTexts(readFileSync(new URL('configurations.toml', import.meta.url), 'utf8'));

const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
);
const options = {
  ...testOptions,
  image: `sidestub:${version}`,
  pins: ['git.corp.example', 'registry.corp.example'],
};

/** What the quick start says of the configurations that do not get the whole of it. */
const STATED: Readonly<Record<string, (t: Test, made: MadePod) => void>> = {
  'own-resolv-conf'(t, { problems }) {
    t.match(problems, [/mountPath: Invalid value: "\/etc\/resolv.conf": must be unique/]);
  },
  'name-taken'(t, { problems }) {
    t.match(problems, [/spec.volumes\[\d+\].name: Duplicate value: "sidestub"/]);
  },
  'host-network'(t, { problems }) {
    t.match(problems, [
      /sysctls\[0\].name: Invalid value.*may not be specified when 'hostNetwork'/,
    ]);
  },
  windows(t, { pod, problems }) {
    t.strictSame(problems, []);
    t.match(pod, {
      spec: { nodeSelector: { 'kubernetes.io/os': 'windows' }, os: { name: 'linux' } },
    });
  },
  'extra-container'(t, made) {
    t.strictSame(made.problems, []);
    t.strictSame(notAsking(made.pod as Pod), ['sql-proxy'], 'a patch gets no volume of the runner');
  },
  'own-sysctls'(t, made) {
    promised(t, made);
    const { sysctls = [] } = (made.pod as Pod).spec.securityContext ?? {};
    t.equal(sysctls.length, 1, 'sysctls of an earlier pod_spec are replaced');
  },
};

/** Containers that do not read the resolv.conf that sidestub publishes. */
function notAsking({ spec }: Pod): string[] {
  return [...spec.initContainers.slice(1), ...spec.containers]
    .filter(
      ({ volumeMounts = [] }) =>
        !volumeMounts.some(
          ({ name, mountPath, subPath }) =>
            mountPath === '/etc/resolv.conf' && name === 'sidestub' && subPath === 'resolv.conf',
        ),
    )
    .map(({ name }) => name);
}

/** The API server takes the pod, and sidestub is in it as injection would have it. */
function promised(t: Test, { pod: made, refused, problems }: MadePod): void {
  const pod = made as Pod;
  t.equal(refused, undefined);
  t.strictSame(problems, []);
  t.match(pod.spec.initContainers[0], sidecarContainer(options), 'in front');
  t.match(pod.spec.securityContext, {
    sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '53' }],
  });
  t.strictSame(notAsking(pod), []);
  t.equal(pod.spec.initContainers.at(-1)?.name, 'init-permissions', 'the runner has its own still');
  const webhook = injectPod(pod, options);
  t.match(webhook, { warnings: [] });
  t.strictSame(
    ('patch' in webhook ? webhook.patch : []).filter(({ path }) => !path.startsWith('/metadata/')),
    [],
    'a webhook beside it adds nothing but its mark',
  );
}

/** Makes one pod of a configuration. */
async function make(makePods: MakePods, toml: string): Promise<MadePod> {
  const runner = runnerOf(toml);
  const [made] = await makePods([{ pod: jobPod(runner), patches: patchesOf(runner) }]);
  if (made === undefined) throw new Error('no pod');
  return made;
}

test('thirty runners get the pod of the quick start, or the refusal that it states', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  t.equal(TEXTS.size, 30);
  for (const [name, text] of TEXTS) {
    const toml = withPieces(text, pieces());
    if (name === 'inline-flags') {
      t.throws(() => runnerOf(toml), /already defined|redefine|extend/, name);
      continue;
    }
    const made = await make(makePods, toml);
    t.test(name, (each) => {
      (STATED[name] ?? promised)(each, made);
      each.end();
    });
  }
});

test('each of them is a pod that the API server takes before sidestub is in it', async (t) => {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  for (const [name, text] of TEXTS) {
    if (name === 'own-init-container') continue; // Mounts our volume.
    t.strictSame((await make(makePods, text)).problems, [], name);
  }
});

/** What the quick start has an administrator do in place of adding the pieces as they are. */
async function makeInstead(
  t: Test,
  name: string,
  change: (toml: string) => string,
): Promise<MadePod | undefined> {
  const makePods = await podMaker(t);
  if (makePods === undefined) return;
  const toml = change(TEXTS.get(name) ?? '');
  const made = await make(makePods, toml);
  promised(t, made);
  return made;
}

test('flags in an inline table take ours between the braces', async (t) => {
  const { flag, volume, podSpec } = pieces();
  await makeInstead(t, 'inline-flags', (toml) => {
    const flagged = toml.replace('feature_flags = {', (found) => `${found} ${flag.trim()},`);
    return withPieces(flagged, { volume, podSpec });
  });
});

test('sysctls of an earlier pod_spec stay where ours repeats them', async (t) => {
  const own = '{name: net.ipv4.tcp_keepalive_time, value: "300"}';
  const made = await makeInstead(t, 'own-sysctls', (toml) => {
    const { podSpec, ...rest } = pieces();
    const repeated = podSpec.replace(/^( *- )\{name: net\.ipv4\.ip_.*\n/m, `$&$1${own}\n`);
    return withPieces(toml, { ...rest, podSpec: repeated });
  });
  if (made === undefined) return;
  const { sysctls = [] } = (made.pod as Pod).spec.securityContext ?? {};
  t.strictSame(sysctls.map(({ name }) => name).toSorted(), [
    'net.ipv4.ip_unprivileged_port_start',
    'net.ipv4.tcp_keepalive_time',
  ]);
});

test('a container of a pod_spec asks sidestub where it has the mount', async (t) => {
  const mount = '{name: sidestub, mountPath: /etc/resolv.conf, subPath: resolv.conf}';
  await makeInstead(t, 'extra-container', (toml) => {
    const mounted = toml.replace('image: "sql-proxy:2"', `$&, volumeMounts: [${mount}]`);
    return withPieces(mounted, pieces());
  });
});

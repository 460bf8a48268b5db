import { readFileSync } from 'node:fs';
import { parse as parseToml } from 'smol-toml';
import { test } from 'tap';
import { parse as parseYaml } from 'yaml';
import { type InjectionOptions, injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { sidecarContainer } from '../../../src/kubernetes/inject/sidecar.ts';
import { schemaProblems } from './kubernetes-schema.ts';
import { podFile, testOptions } from './pod-files.ts';
import { strategicMerge } from './strategic-merge.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
);
const options: InjectionOptions = {
  ...testOptions,
  image: `sidestub:${version}`,
  pins: ['git.corp.example', 'registry.corp.example'],
};

interface MountedVolume {
  readonly name: string;
  readonly mount_path: string;
  readonly sub_path?: string;
  readonly read_only?: boolean;
  readonly medium?: string;
  readonly size_limit?: string;
}

interface Runner {
  readonly name?: string;
  readonly 'tls-ca-file': string;
  readonly feature_flags: Readonly<Record<string, boolean>>;
  readonly kubernetes: {
    readonly pod_spec: readonly { readonly patch: string; readonly patch_type: string }[];
    readonly volumes: {
      readonly empty_dir: readonly MountedVolume[];
      readonly config_map: readonly MountedVolume[];
    };
  };
}

interface Pod {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
  readonly spec: {
    readonly volumes?: readonly object[];
    readonly initContainers: readonly Container[];
    readonly containers: readonly Container[];
  };
}

interface Container {
  readonly name: string;
  readonly volumeMounts?: readonly { readonly mountPath: string; readonly name: string }[];
}

function runnersOf(toml: string): readonly Runner[] {
  return (parseToml(toml) as unknown as { runners: Runner[] }).runners;
}

const CONFIG = readFileSync(new URL('../../../k8s/gitlab/config.toml', import.meta.url), 'utf8');
const VALUES = parseYaml(
  readFileSync(new URL('../../../k8s/gitlab/values.yaml', import.meta.url), 'utf8'),
);

/** The pod that a runner makes: its own containers, its volumes in each of them, and then its patches. */
function podOf(runner: Runner, made: Pod): Pod {
  const { empty_dir: emptyDirs, config_map: configMaps } = runner.kubernetes.volumes;
  const mounts = [...emptyDirs, ...configMaps].map((volume) => ({
    name: volume.name,
    mountPath: volume.mount_path,
    ...(volume.sub_path === undefined ? {} : { subPath: volume.sub_path }),
    ...(volume.read_only === true ? { readOnly: true } : {}),
  }));
  const volumes = [
    ...emptyDirs.map(({ name, medium, size_limit: sizeLimit }) => ({
      name,
      emptyDir: {
        ...(medium === undefined ? {} : { medium }),
        ...(sizeLimit === undefined ? {} : { sizeLimit }),
      },
    })),
    ...configMaps.map(({ name }) => ({ name, configMap: { name } })),
  ];
  const mounted = (container: Container): Container => ({
    ...container,
    volumeMounts: [...(container.volumeMounts ?? []), ...mounts],
  });
  const spec = {
    ...made.spec,
    volumes: [...(made.spec.volumes ?? []), ...volumes],
    initContainers: made.spec.initContainers.map(mounted),
    containers: made.spec.containers.map(mounted),
  };
  const patched = runner.kubernetes.pod_spec.reduce(
    (before: unknown, { patch }) => strategicMerge(before, parseYaml(patch)),
    spec,
  );
  return { ...made, spec: patched as Pod['spec'] };
}

const made = podFile('gitlab-services') as unknown as Pod;

test('each runner gives its jobs the sidecar that injection makes, in front', async (t) => {
  for (const [index, listen] of (['loopback', 'pod'] as const).entries()) {
    const runner = runnersOf(CONFIG)[index];
    if (runner === undefined) throw new Error(`no runner ${index}`);
    t.equal(runner.feature_flags['FF_USE_ADVANCED_POD_SPEC_CONFIGURATION'], true);
    t.equal(runner.kubernetes.pod_spec[0]?.patch_type, 'strategic');
    const pod = podOf(runner, made);
    t.strictSame(await schemaProblems(pod), []);
    t.strictSame(
      pod.spec.initContainers.map(({ name }) => name),
      ['sidestub', 'init-permissions'],
    );
    t.same(pod.spec.initContainers[0], sidecarContainer({ ...options, listen }));
    for (const container of [...pod.spec.initContainers.slice(1), ...pod.spec.containers]) {
      const paths = container.volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
      t.ok(paths.includes('/etc/resolv.conf'), `${container.name} asks sidestub`);
      t.ok(paths.includes('/etc/ssl/certs/ca-certificates.crt'), `${container.name} trusts git`);
    }
    const webhook = injectPod(pod, options);
    t.match(
      webhook,
      { warnings: [], patch: [{}, {}] },
      'a webhook beside it has nothing but its mark to add',
    );
    t.same(
      'patch' in webhook && webhook.patch.at(-1)?.path,
      '/metadata/annotations/sidestub.dev~1injected',
    );
  }
});

test('dockerd in dind gets the authority where it looks for it', (t) => {
  const [, dind] = runnersOf(CONFIG);
  const mounts = dind?.kubernetes.volumes.config_map.map(({ mount_path: path }) => path);
  t.strictSame(mounts, [
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/docker/certs.d/registry.corp.example:5000',
  ]);
  t.end();
});

test('the values of the chart have the first runner, but for what the chart writes', (t) => {
  const [fromChart] = runnersOf(VALUES.runners.config);
  const [fromFile] = runnersOf(CONFIG);
  t.strictSame(fromChart?.kubernetes, fromFile?.kubernetes);
  t.strictSame(fromChart?.feature_flags, fromFile?.feature_flags);
  t.match(fromFile?.['tls-ca-file'], /^\/etc\/gitlab-runner\/certs\/git\.corp\.example\.crt$/);
  t.match(fromChart?.['tls-ca-file'], /\.gitlab-runner\/certs\/git\.corp\.example\.crt$/);
  t.equal(VALUES.certsSecretName, 'gitlab-runner-certs', 'which the chart mounts there');
  t.end();
});

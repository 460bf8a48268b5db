// Mode `node`: a pod without a sidecar, that asks the daemon of its node.
import { readFileSync } from 'node:fs';
import { parse as parseToml } from 'smol-toml';
import { test } from 'tap';
import { injectPod } from '../../../src/kubernetes/inject/inject-pod.ts';
import { applyPatch } from '../../../src/kubernetes/inject/json-patch.ts';
import { removeFromPod } from '../../../src/kubernetes/inject/remove-pod.ts';
import { updatePod } from '../../../src/kubernetes/inject/update-pod.ts';
import { schemaProblems } from './kubernetes-schema.ts';
import { podFile, testOptions } from './pod-files.ts';

const options = { ...testOptions, mode: 'node' as const, restorable: true };
const pod = (spec: object = {}, annotations?: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', ...(annotations === undefined ? {} : { annotations }) },
  spec: { containers: [{ name: 'main', image: 'busybox' }], ...spec },
});
const DNS = {
  nameservers: ['10.96.0.53'],
  searches: ['gitlab-jobs.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'node.example'],
  options: [{ name: 'ndots', value: '5' }],
};

test('the daemon is the only nameserver, search list and options are what kubelet would write', async (t) => {
  const injection = injectPod(pod(), options);
  t.match(injection, { outcome: 'injected', mode: 'node', warnings: [] });
  const made = applyPatch(pod(), 'patch' in injection ? injection.patch : []) as ReturnType<
    typeof pod
  >;
  t.strictSame(await schemaProblems(made), []);
  t.strictSame(made.spec, { ...pod().spec, dnsPolicy: 'None', dnsConfig: DNS });
  t.match(made.metadata.annotations, { 'sidestub.dev/injected': 'v1-node' });
  for (const again of [options, { ...options, mode: 'overlay' as const }]) {
    t.match(injectPod(made, again), { outcome: 'unchanged', mode: 'node', patch: [] });
  }
  const removal = removeFromPod(made);
  t.strictSame(applyPatch(made, 'patch' in removal ? removal.patch : []), pod());
});

test("the pod's own search domains and options follow, and bounds are kubelet's", (t) => {
  const config = {
    searches: ['own.example', ...Array.from({ length: 40 }, (_, index) => `s${index}.example`)],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  };
  const injection = injectPod(pod({ dnsConfig: config }), options);
  const made = applyPatch(pod({ dnsConfig: config }), 'patch' in injection ? injection.patch : []);
  const { spec } = made as unknown as { spec: { dnsConfig: typeof DNS } };
  t.strictSame(spec.dnsConfig.options, [{ name: 'ndots', value: '2' }, { name: 'edns0' }]);
  t.strictSame(spec.dnsConfig.searches.slice(0, 5), [...DNS.searches, 'own.example']);
  t.equal(spec.dnsConfig.searches.length, 32);
  const long = {
    searches: Array.from(
      { length: 20 },
      (_, index) => `${`${index}`.repeat(60)}.${'x'.repeat(60)}.example`,
    ),
  };
  const cut = injectPod(pod({ dnsConfig: long }), { ...options, restorable: false });
  t.ok(
    'patch' in cut && JSON.stringify(cut.patch).length < 3_000,
    'and no more than 2,048 characters',
  );
  t.end();
});

test('a pod that the daemon cannot serve as before is refused', (t) => {
  for (const [spec, more, message] of [
    [{ dnsConfig: { nameservers: ['192.0.2.1'] } }, {}, /nameservers of its own/],
    [
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'] } },
      {},
      /nameservers of its own/,
    ],
    [{ dnsPolicy: 'Default' }, {}, /only the node knows/],
    [{}, { nodeDns: undefined }, /--node-dns/],
    [{}, { namespace: undefined }, /namespace is not known/],
  ] as const) {
    const injection = injectPod(pod(spec), { ...options, ...more });
    t.match(injection, { outcome: 'refused', reason: 'dns_policy', message });
  }
  t.match(injectPod(pod({ hostNetwork: true }), options), { outcome: 'skipped' });
  t.end();
});

test('what only a sidecar stumbles over is nothing to it', (t) => {
  const spec = {
    containers: [{ name: 'sidestub', ports: [{ containerPort: 53 }] }],
    volumes: [{ name: 'sidestub' }],
    securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '1024' }] },
  };
  const old = { ...options, clusterVersion: { major: 1, minor: 20 } };
  t.match(injectPod(pod(spec), old), { outcome: 'injected', mode: 'node' });
  t.end();
});

test('a pod chooses it by annotation, and what only a sidecar does is said', (t) => {
  const chosen = pod({}, { 'sidestub.dev/mode': 'node', 'sidestub.dev/ready': 'git.example' });
  t.match(injectPod(chosen, testOptions), {
    outcome: 'injected',
    mode: 'node',
    warnings: [/the daemon's to set/],
  });
  t.end();
});

test('a manifest moves between the modes', (t) => {
  const modes = ['overlay', 'node', 'none', 'node', 'overlay'] as const;
  let current: unknown = pod();
  for (const mode of modes) {
    const update = updatePod(current, { ...options, mode });
    current = applyPatch(current, 'patch' in update ? update.patch : []);
    const fresh = injectPod(pod(), { ...options, mode });
    t.same(current, applyPatch(pod(), 'patch' in fresh ? fresh.patch : []), mode);
  }
  t.end();
});

test('the runner of k8s/gitlab/node.toml gives its jobs what mode node gives', (t) => {
  const file = readFileSync(new URL('../../../k8s/gitlab/node.toml', import.meta.url), 'utf8');
  const { runners } = parseToml(file) as unknown as {
    runners: { kubernetes: { namespace: string; dns_policy: string; dns_config: object } }[];
  };
  const runner = runners[0]?.kubernetes;
  const bare = podFile('gitlab-job') as unknown as ReturnType<typeof pod>;
  const cluster = { nameservers: [], zone: 'cluster.local', hostSearches: [] };
  const injection = injectPod(bare, { ...options, clusterDns: cluster });
  const made = applyPatch(bare, 'patch' in injection ? injection.patch : []);
  const { spec } = made as unknown as { spec: { dnsConfig: object } };
  t.equal(runner?.dns_policy, 'none');
  t.equal(runner?.namespace, 'gitlab-jobs');
  t.same(runner?.dns_config, spec.dnsConfig);
  t.end();
});

import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { CORPORATE } from '../corporate-dns.ts';
import { inject } from '../inject-command.ts';

export const quotas: Check = {
  name: 'quotas',
  shows:
    'namespaces with a ResourceQuota or a LimitRange, and the setting of docs/kubernetes.md for each',
  run: async (cluster, findings) => {
    const cases = CASES.map((each) => tried(cluster, findings, each));
    await Promise.all([...cases, keptClass(cluster, findings)]);
  },
};

interface Case {
  readonly namespace: string;
  readonly bound?: { readonly kind: 'ResourceQuota' | 'LimitRange'; readonly spec: object };
  /** Of the pod's own container, within the bounds. */
  readonly own?: object;
  /** Of the pod as a whole. */
  readonly whole?: object;
  /** What the API server says without the setting. */
  readonly refusal: RegExp;
  readonly setting: string;
}

const equal = (cpu: string, memory: string) => ({
  limits: { cpu, memory },
  requests: { cpu, memory },
});

const limits = (bounds: object): NonNullable<Case['bound']> => ({
  kind: 'LimitRange',
  spec: { limits: [{ type: 'Container', ...bounds }] },
});

const CASES: readonly Case[] = [
  {
    namespace: 'quota-cpu',
    bound: { kind: 'ResourceQuota', spec: { hard: { 'limits.cpu': '2' } } },
    own: equal('100m', '64Mi'),
    refusal: /must specify limits\.cpu for: sidestub/,
    setting: '--cpu-limit 250m',
  },
  {
    namespace: 'range-min',
    bound: limits({ min: { memory: '128Mi' } }),
    own: equal('100m', '128Mi'),
    refusal: /minimum memory usage per Container is 128Mi/,
    setting: '--memory-request 128Mi',
  },
  {
    namespace: 'range-max',
    bound: limits({ max: { memory: '64Mi' } }),
    own: equal('100m', '64Mi'),
    refusal: /maximum memory usage per Container is 64Mi/,
    setting: '--memory-limit 64Mi',
  },
  {
    namespace: 'range-ratio',
    bound: limits({ maxLimitRequestRatio: { memory: '1' } }),
    own: equal('100m', '64Mi'),
    refusal: /memory max limit to request ratio per Container is 1/,
    setting: '--memory-request 96Mi',
  },
  {
    namespace: 'range-ratio-cpu',
    bound: limits({ maxLimitRequestRatio: { cpu: '4' } }),
    own: equal('100m', '64Mi'),
    refusal: /cpu max limit to request ratio per Container is 4/,
    setting: '--cpu-request 50m --cpu-limit 200m',
  },
  {
    namespace: 'whole-pod',
    whole: { requests: { cpu: '20m', memory: '32Mi' }, limits: { cpu: '1', memory: '256Mi' } },
    refusal: /must be greater than or equal to aggregate container requests|aggregate/,
    setting: '--cpu-request none --memory-request none --memory-limit none',
  },
];

const podOf = (own: object | undefined, whole: object | undefined): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'job' },
  spec: {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    ...(whole === undefined ? {} : { resources: whole }),
    containers: [
      {
        name: 'main',
        image: 'alpine:3.22',
        command: ['getent', 'hosts', 'git.corp.example'],
        ...(own === undefined ? {} : { resources: own }),
      },
    ],
  },
});

async function tried(cluster: Cluster, findings: Findings, each: Case): Promise<void> {
  const { namespace, bound, own, whole, refusal, setting } = each;
  await cluster.namespace(namespace);
  if (bound !== undefined) {
    const { kind, spec } = bound;
    await cluster.apply({ apiVersion: 'v1', kind, metadata: { name: 'bound', namespace }, spec });
  }
  const what = `${namespace} (${setting})`;
  const apply = async (words: readonly string[]) =>
    await cluster.run(['kubectl', '-n', namespace, 'apply', '-f', '-'], {
      input: await inject(cluster, podOf(own, whole), words),
      mayFail: true,
    });
  const refused = await apply([]);
  findings.holds(
    refusal.test(refused.stderr),
    `${what}: refused without it`,
    refused.stderr.trim().slice(-160),
  );
  const made = await apply(setting.split(' '));
  findings.holds(/created/.test(made.stdout), `${what}: made with it`, made.stderr.trim());
  if (!/created/.test(made.stdout)) return;
  findings.equals(await cluster.podEnded(namespace, 'job'), 'Succeeded', `${what}: it succeeds`);
  const found = await cluster.logs(namespace, 'job');
  findings.holds(found.startsWith(CORPORATE), `${what}: its lookup finds the name`);
  await cluster.kubectl(`delete namespace ${namespace} --wait=false`);
}

async function keptClass(cluster: Cluster, findings: Findings): Promise<void> {
  const namespace = await cluster.namespace('qos');
  for (const [words, qosClass] of [
    [[], 'Burstable'],
    [['--qos', 'keep'], 'Guaranteed'],
  ] as const) {
    const input = await inject(cluster, podOf(equal('100m', '64Mi'), undefined), words);
    await cluster.run(['kubectl', '-n', namespace, 'apply', '-f', '-'], { input });
    const { status } = await cluster.pod(namespace, 'job');
    findings.equals(
      status['qosClass'],
      qosClass,
      `a Guaranteed pod with ${words.join(' ') || 'nothing set'}`,
    );
    findings.equals(
      await cluster.podEnded(namespace, 'job'),
      'Succeeded',
      `${qosClass}: it succeeds`,
    );
    await cluster.kubectl(`-n ${namespace} delete pod job --now`);
  }
  await cluster.kubectl(`delete namespace ${namespace} --wait=false`);
}

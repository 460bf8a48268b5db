import type { Check, Findings } from '../check.ts';
import { JobsOnNode, PIECES, podSpec } from '../job-on-node.ts';
import { serveSelfSigned } from '../self-signed.ts';
import { symptomRows } from '../symptom-table.ts';

const NAMESPACE = 'gitlab-symptoms';

export const symptoms: Check = {
  name: 'symptoms',
  shows: "each cause in the quick start's table of symptoms, provoked: what the table says is seen",
  run: async (cluster, findings) => {
    await cluster.namespace(NAMESPACE);
    const jobs = new JobsOnNode(cluster, NAMESPACE);
    const rows = symptomRows();
    const seen = await Promise.all(SYMPTOMS.map((symptom) => provoked(jobs, findings, symptom)));
    const missing = rows.filter((row) => !SYMPTOMS.some((symptom) => row.includes(symptom.row)));
    findings.equals(missing, [], `each of the ${rows.length} rows was provoked`);
    const unknown = SYMPTOMS.filter(({ row }) => !rows.some((each) => each.includes(row)));
    findings.equals(
      unknown.map(({ row }) => row),
      [],
      `and nothing else (${seen.length} causes)`,
    );
    await cluster.kubectl(`delete namespace ${NAMESPACE} --wait=false`);
  },
};

interface Symptom {
  /** A part of the first column of its row. */
  readonly row: string;
  readonly cause: string;
  /** What has to be in what is seen. */
  readonly shows: RegExp;
  /** Gives what is seen. */
  provoke(jobs: JobsOnNode): Promise<string>;
}

async function provoked(jobs: JobsOnNode, findings: Findings, symptom: Symptom): Promise<void> {
  const { row, cause, shows } = symptom;
  try {
    const seen = await symptom.provoke(jobs);
    const [found] = shows.exec(seen) ?? [];
    const line = (found ?? seen).trim().replaceAll('\n', ' / ').slice(-300);
    findings.holds(found !== undefined, `${cause}: ${row}`, line);
  } catch (error) {
    findings.holds(false, `${cause}: ${row}`, `not provoked: ${error}`);
  }
}

/** What the API server says of a pod that it refuses. */
async function refusal(making: Promise<unknown>): Promise<string> {
  return await making.then(
    () => 'not refused',
    (error: unknown) => `${error}`,
  );
}

const SYMPTOMS: readonly Symptom[] = [
  {
    row: 'image pull failed',
    cause: 'an image that the node cannot pull',
    // GitLab Runner 19.4 fails the job at these two, with the message behind its own `image pull failed: `.
    shows: /"reason":"(?:ErrImagePull|ImagePullBackOff)"/,
    provoke: async (jobs) => {
      await jobs.start('image', withImage('127.0.0.1:5999/sidestub:0.2.0'));
      return jobs.sidecar('image', /ErrImagePull|ImagePullBackOff/);
    },
  },
  {
    row: 'the same with `x509',
    cause: 'a registry whose authority the node does not know',
    shows: /x509: certificate signed by unknown authority/,
    provoke: (jobs) => untrustedRegistry(jobs),
  },
  {
    row: 'may not be set for init containers without restartPolicy=Always',
    cause: 'a runner that drops restartPolicy',
    shows:
      /initContainers\[0\]\.lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always/,
    provoke: (jobs) =>
      refusal(
        jobs.start(
          'old',
          withPodSpec((text) => text.replace(/\n *restartPolicy: Always/, '')),
        ),
      ),
  },
  {
    row: 'volumeMounts[0].name: Not found: "sidestub"',
    cause: 'no volumes.empty_dir',
    shows: /initContainers\[0\]\.volumeMounts\[0\]\.name: Not found: \\?"sidestub/,
    provoke: (jobs) =>
      refusal(jobs.start('volume', { flag: PIECES.flag, podSpec: PIECES.podSpec })),
  },
  {
    row: '`/etc/resolv.conf` is a folder',
    cause: 'the feature flag is off',
    shows: /^d(?=[\s\S]*no address)|no address(?=[\s\S]*^d)/m,
    provoke: async (jobs) => {
      await jobs.start('flag', { volume: PIECES.volume, podSpec: PIECES.podSpec });
      return jobs.log('flag');
    },
  },
  {
    row: 'in an init container',
    cause: 'a pod_spec behind ours adds an init container',
    shows: /nameserver 10\.96\.0\.10[\s\S]*nameserver 127\.0\.0\.1/,
    provoke: async (jobs) => {
      const tools = '{name: tools, image: "alpine:3.22", command: [cat, /etc/resolv.conf]}';
      await jobs.start('tools', PIECES, podSpec(`initContainers: [${tools}]`));
      const job = await jobs.log('tools');
      return `${await jobs.cluster.logs(NAMESPACE, 'tools', 'tools')}${job}`;
    },
  },
  {
    row: 'jsonpatch.Patch',
    cause: 'patch_type json',
    shows: /cannot unmarshal object into Go value of type jsonpatch\.Patch/,
    provoke: async (jobs) => (await jobs.merge(withType('json'))).refused ?? 'not refused',
  },
  {
    row: '`init-permissions` is not in the pod',
    cause: 'patch_type merge',
    shows: /^sidestub$/,
    provoke: async (jobs) => {
      await jobs.start('merge', withType('merge'));
      await jobs.log('merge');
      const { spec } = await jobs.cluster.pod(NAMESPACE, 'merge');
      return spec.initContainers.map(({ name }: { name: string }) => name).join(' ');
    },
  },
  {
    row: 'the same with `not permitted',
    cause: 'the sysctl is not ours',
    shows: /not permitted/,
    provoke: async (jobs) => {
      // What a runtime without containerd 2's own default has.
      const name = 'net.ipv4.ip_unprivileged_port_start';
      const later = podSpec(`securityContext: {sysctls: [{name: ${name}, value: "1024"}]}`);
      await jobs.start('sysctl', PIECES, later);
      return jobs.sidecar('sysctl', /not permitted/);
    },
  },
  {
    row: 'cannot create resource',
    cause: 'no Role',
    shows:
      /pods is forbidden: User "system:serviceaccount:gitlab-runner:gitlab-runner" cannot create resource "pods"/,
    provoke: async ({ cluster }) => {
      const words = [
        'kubectl',
        '-n',
        NAMESPACE,
        'create',
        '--as=system:serviceaccount:gitlab-runner:gitlab-runner',
        '-f',
        '-',
      ];
      const input = JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'forbidden' },
        spec: { containers: [{ name: 'a', image: 'a' }] },
      });
      return (await cluster.run(words, { input, mayFail: true })).stderr;
    },
  },
  {
    row: 'Init:0/2',
    cause: 'a name that has to resolve does not',
    shows: /Init:0\/2[\s\S]*nowhere\.corp\.example does not resolve/,
    provoke: async (jobs) => {
      await jobs.start('ready', withEnvironment('SIDESTUB_READY_NAMES', 'nowhere.corp.example'));
      const waiting = await jobs.cluster.until('Init:0/2', async () => {
        const line = await jobs.cluster.kubectl(`-n ${NAMESPACE} get pod ready --no-headers`);
        return line.includes('Init:0/2') ? line : undefined;
      });
      return `${waiting}${await jobs.sidecar('ready', /does not resolve/)}`;
    },
  },
  {
    row: 'MountVolume.SetUp failed',
    cause: 'no ConfigMap',
    shows:
      /MountVolume\.SetUp failed for volume "corp-bundle" *: configmap "corp-bundle" not found/,
    provoke: async (jobs) => {
      const bundle =
        '    [[runners.kubernetes.volumes.config_map]]\n      name = "corp-bundle"\n      mount_path = "/bundle"\n';
      await jobs.start('bundle', PIECES, bundle);
      return eventOf(jobs, 'bundle', 'MountVolume.SetUp failed');
    },
  },
  {
    row: 'PodOSNotSupported',
    cause: 'a pod for another system than the node has (here: for Windows, on Linux)',
    shows: /PodOSNotSupported/,
    provoke: async (jobs) => {
      await jobs.create(jobs.plain('windows', { os: { name: 'windows' } }));
      return jobs.cluster.until('PodOSNotSupported', async () => {
        const { status } = await jobs.cluster.pod(NAMESPACE, 'windows');
        return status.reason;
      });
    },
  },
  {
    row: 'nameserver 10.96.0.10` in the job',
    cause: 'a container of a pod_spec, without the mount',
    shows: /nameserver 10\.96\.0\.10/,
    provoke: async (jobs) => {
      const more =
        'containers: [{name: more, image: "alpine:3.22", command: [cat, /etc/resolv.conf]}]';
      await jobs.start('more', { ...PIECES, podSpec: `${podSpec(more)}${PIECES.podSpec}` });
      return jobs.log('more', 'more');
    },
  },
  {
    row: 'container "sidestub" is in CrashLoopBackOff',
    cause: 'a setting that cannot be',
    shows: /CrashLoopBackOff[\s\S]*SIDESTUB_SEARCH_MODE/,
    provoke: async (jobs) => {
      await jobs.start('crash', withEnvironment('SIDESTUB_SEARCH_MODE', 'nonsense'));
      return jobs.sidecar('crash', /CrashLoopBackOff/);
    },
  },
];

type Parts = typeof PIECES;

function withPodSpec(change: (text: string) => string): Parts {
  const podSpec = change(PIECES.podSpec);
  if (podSpec === PIECES.podSpec) throw new Error('nothing changed in the recipe');
  return { ...PIECES, podSpec };
}

const withImage = (image: string): Parts =>
  withPodSpec((text) => text.replace(/image: sidestub:\S+/, `image: ${image}`));

const withType = (type: string): Parts =>
  withPodSpec((text) => text.replace('"strategic"', `"${type}"`));

const withEnvironment = (name: string, value: string): Parts =>
  withPodSpec((text) =>
    text.replace(/^( *)env:\n/m, `$1env:\n$1  - {name: ${name}, value: "${value}"}\n`),
  );

/** A registry on the node, whose certificate no authority has signed. */
async function untrustedRegistry(jobs: JobsOnNode): Promise<string> {
  const { address, server } = await serveSelfSigned(jobs.cluster, (_, response) => {
    response.writeHead(404).end();
  });
  try {
    await jobs.start('x509', withImage(`${address}/sidestub:0.2.0`));
    return await jobs.sidecar('x509', /x509/);
  } finally {
    server.close();
  }
}

function eventOf({ cluster }: JobsOnNode, pod: string, message: string): Promise<string> {
  return cluster.until(`an event of ${pod}: ${message}`, async () => {
    const selector = `involvedObject.name=${pod}`;
    const path = `/api/v1/namespaces/${NAMESPACE}/events?fieldSelector=${selector}`;
    const { items } = await cluster.api.get<{ items: { message: string }[] }>(path);
    return items.find((event) => event.message.includes(message))?.message;
  });
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Findings } from '../check.ts';
import type { Cluster } from '../cluster.ts';
import { corporateService } from '../corporate-service.ts';
import { README, startGitServer } from '../git-server.ts';
import { JobsOnNode } from '../job-on-node.ts';
import { REPOSITORY } from '../places.ts';

const RUNNER = '--as=system:serviceaccount:gitlab-runner:gitlab-runner';
const JOBS = 'gitlab-jobs';

/** What the Kubernetes executor does to a job's pod. */
const RIGHTS = [
  'create pods',
  'create pods/exec',
  'create pods/attach',
  'get pods/log',
  'create secrets',
  'create services',
];

export const gitlab: Check = {
  name: 'gitlab',
  shows:
    "the quick start's namespaces and role; its jobs clone over HTTPS from a server with an authority of its own",
  run: async (cluster, findings) => {
    await cluster.documented('kubectl apply -f k8s/gitlab/namespaces.yaml');
    for (const right of RIGHTS) {
      const asked = `kubectl auth can-i ${right} -n ${JOBS} ${RUNNER}`;
      findings.equals((await cluster.documented(asked, { mayFail: true })).trim(), 'yes', right);
    }
    const elsewhere = `kubectl auth can-i create pods -n default ${RUNNER}`;
    findings.equals(
      (await cluster.documented(elsewhere, { mayFail: true })).trim(),
      'no',
      'and nothing outside of their namespace',
    );
    const diff = await cluster.documented('kubectl diff -f k8s/gitlab/namespaces.yaml', {
      mayFail: true,
    });
    findings.equals(diff, '', 'kubectl diff after apply is empty');
    await clones(cluster, findings);
    await cluster.documented('kubectl delete -f k8s/gitlab/namespaces.yaml --wait=false');
  },
};

/** Debian has no git for musl: go-git takes its place, and musl looks its names up. */
const CLIENTS = {
  glibc: { image: 'debian:12', clone: 'git clone -q --template=' },
  musl: { image: 'alpine:3.22', clone: 'clone' },
} as const;
const LIBCS = ['musl', 'glibc'] as const;

/** In the corporate network, and as a service of the cluster by a name that walks the search list. */
const HOSTS = ['git.corp.example', `git.${JOBS}`] as const;

/** Both containers clone, as the helper does before the job and the job may do itself. */
async function clones(cluster: Cluster, findings: Findings): Promise<void> {
  const server = await startGitServer(cluster, [HOSTS[1]]);
  try {
    await cluster.documented(
      'kubectl apply -k k8s/namespace && kubectl apply -k k8s/node/service-local',
    );
    await cluster.kubectl('-n sidestub rollout status ds/sidestub-node --timeout=90s');
    await cluster.apply(...corporateService('git', JOBS, 443));
    await cluster.documented(authorities(), { cwd: server.folder });
    const ways = {
      sidecar: { toml: read('config.toml'), nameserver: '127.0.0.1' },
      daemon: await daemonRunner(cluster),
    };
    const jobs = new JobsOnNode(cluster, JOBS);
    const runs = Object.entries(ways).flatMap(([way, { toml, nameserver }]) =>
      LIBCS.map((libc) => cloned(jobs, findings, { way, toml, nameserver, libc })),
    );
    await Promise.all([...runs, ...LIBCS.map((libc) => distrusts(jobs, findings, libc))]);
  } finally {
    await server.end();
    await cluster.documented('kubectl delete -k k8s/node/service-local --wait=false');
  }
}

interface Way {
  readonly way: string;
  readonly toml: string;
  readonly nameserver: string;
  readonly libc: keyof typeof CLIENTS;
}

async function cloned(jobs: JobsOnNode, findings: Findings, way: Way): Promise<void> {
  const { [way.libc]: client } = CLIENTS;
  const name = `${way.way}-${way.libc}`;
  const lines = HOSTS.map(
    (host) => `${client.clone} https://${host}/project.git /tmp/${host} && cat /tmp/${host}/README`,
  );
  const script = ['grep nameserver /etc/resolv.conf', ...lines].join('\n');
  const job = { image: client.image, build: script, helper: script };
  await jobs.createMade(name, await jobs.mergeAll(way.toml), job);
  for (const container of ['helper', 'build']) {
    const log = (await jobs.log(name, container)).trim();
    findings.equals(
      log.split('\n'),
      [`nameserver ${way.nameserver}`, ...HOSTS.map(() => README)],
      `${name}, ${container}: clones https://${HOSTS.join(' and https://')}`,
    );
  }
}

/** The same job without the bundle must fail, or the clones above say nothing of it. */
async function distrusts(
  jobs: JobsOnNode,
  findings: Findings,
  libc: keyof typeof CLIENTS,
): Promise<void> {
  const { [libc]: client } = CLIENTS;
  const build = `${client.clone} https://${HOSTS[0]}/project.git /tmp/project 2>&1`;
  const toml = read('config.toml').replace(bundle(), '');
  const name = `distrusts-${libc}`;
  const made = await jobs.mergeAll(toml);
  await jobs.createMade(name, made, { image: client.image, build, helper: 'true' });
  const log = (await jobs.log(name)).trim();
  findings.holds(/certificate|CA cert/.test(log), `${libc}: no clone without the bundle`, log);
}

/** node.toml with the address of this node's daemon, and the bundle of config.toml, as its head says. */
async function daemonRunner(cluster: Cluster): Promise<Omit<Way, 'way' | 'libc'>> {
  const found = await cluster.documented(
    'kubectl -n sidestub get service sidestub-node -o jsonpath={.spec.clusterIP}',
  );
  const nameserver = found.trim();
  const toml = read('node.toml').replace('"10.96.0.53"', `"${nameserver}"`);
  return { toml: `${toml}\n${bundle()}`, nameserver };
}

/** The block of the configuration that mounts the bundle. */
function bundle(): string {
  const pattern =
    /^ *\[\[runners\.kubernetes\.volumes\.config_map\]\]\n *name = "corp-bundle"\n(?: *\w+ = .*\n)+/m;
  return matched(pattern, read('config.toml'), 0);
}

/** The quick start's commands for an authority. */
function authorities(): string {
  const page = readFileSync(join(REPOSITORY, 'docs/quickstart-gitlab.md'), 'utf8');
  return matched(/^## 3\. Authorities\n[\s\S]*?```sh\n([\s\S]*?)```/m, page, 1);
}

function matched(pattern: RegExp, text: string, group: number): string {
  const found = pattern.exec(text)?.[group];
  if (found === undefined) throw new Error(`nothing matches ${pattern}`);
  return found;
}

function read(name: string): string {
  return readFileSync(join(REPOSITORY, 'k8s/gitlab', name), 'utf8');
}

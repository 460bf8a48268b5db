// The built image in a pod as its manifest has it: podman's containers in the lab's namespaces, real libcs, and kubelet's
// order of things.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import { type Test, test } from 'tap';
import { parse } from 'yaml';
import { SBOM } from '../../docker/image-root.ts';
import { injectPod } from '../../src/kubernetes/inject/inject-pod.ts';
import { testOptions } from '../kubernetes/inject/pod-files.ts';
import { type ContainerEngine, containerEngine } from '../support/container-engine.ts';
import { KubeletPod, type PodManifest, type Running } from '../support/kubelet.ts';
import type { Lab } from '../support/lab.ts';
import {
  compileClients,
  type Lookup,
  lookUp,
  resolvConf,
  writeEtc,
} from '../support/lab-client.ts';
import { atEnd } from '../support/lab-end.ts';
import { CLUSTER_DNS } from '../support/lab-network.ts';
import { LIBCS, questions, resolvesTo, setupLab, storyWorld } from '../support/lab-story.ts';

const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
);
const K8S = resolve(import.meta.dirname, '../../k8s');
const POD_IP = '10.244.1.2';

const manifest = (path: string): PodManifest => parse(readFileSync(join(K8S, path), 'utf8'));

/** The second is answered by the first's. */
const NAMES = ['git.example.com', 'git.example.com'];

/** What the manifests in k8s/sidecar look up, and a name of both families. */
const world = storyWorld({
  hosts: {
    'git.corp.example.': { a: ['203.0.113.7'] },
    'git.example.com.': { a: ['192.0.2.1'], aaaa: ['2001:db8::1'] },
    'gitlab.com.': { a: ['192.0.2.20'], aaaa: ['2001:db8::20'] },
  },
});

/** The root file system of a job: the test's client for both libcs, and the command of the manifests. */
function makeJobRoot(t: Test, engine: ContainerEngine): string {
  const root = mkdtempSync(join(tmpdir(), 'sidestub-job-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  for (const folder of ['bin', 'etc', 'usr/bin'])
    mkdirSync(join(root, folder), { recursive: true });
  compileClients(join(root, 'bin'));
  cpSync('/usr/bin/getent', join(root, 'usr/bin/getent'));
  for (const folder of ['lib', 'lib64']) {
    cpSync(join(engine.root, folder), join(root, folder), {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  return root;
}

/** Runs `story` with a pod of the manifest, and ends the pod as kubelet does. */
type InPod = (from: PodManifest, story: (pod: KubeletPod) => Promise<void>) => Promise<void>;

function podsOn(lab: Lab, engine: ContainerEngine, jobRoot: string): InPod {
  return async (from, story) => {
    const pod = new KubeletPod(from, {
      engine,
      jobRoot,
      sandbox: lab.network.pod,
      network: lab.network.node,
      podIp: POD_IP,
      resolvConf: resolvConf([CLUSTER_DNS]),
    });
    try {
      await story(pod);
    } finally {
      await pod.end();
    }
  };
}

/** A process in the job that has looked names up, one a line. */
async function lookUpIn(
  pod: KubeletPod,
  client: string,
  names: readonly string[],
): Promise<Lookup[]> {
  const job = pod.startContainer('main', [client, ...names]);
  const { code, stderr } = await job.exited;
  if (code !== 0) throw new Error(`${client}: ${stderr}`);
  return job.lines.map((line) => JSON.parse(line));
}

function eventsOf({ lines }: Running): readonly Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line));
}

/** What the kernel says of a process. */
function statusOf(pid: number): Readonly<Record<string, string>> {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2) as [string, string]));
}

test('the image, in a pod', async (t) => {
  const engine = containerEngine(t);
  if (engine === undefined) return;
  const lab = await setupLab(t, world);
  if (lab === undefined) return;
  const jobRoot = makeJobRoot(t, engine);
  const inPod = podsOn(lab, engine, jobRoot);

  for (const libc of LIBCS) {
    await t.test(`publishes resolv.conf, and real ${libc} resolves by it`, (t) =>
      inPod(manifest('sidecar/pod.yaml'), async (pod) => {
        await pod.startSidecar();
        await lab.forget();
        const lookups = await lookUpIn(pod, `/bin/client-${libc}`, NAMES);
        for (const [index, lookup] of lookups.entries()) {
          resolvesTo(t, lookup, ['192.0.2.1', '2001:db8::1']);
          t.equal(lookup.name, NAMES[index]);
        }
        // The zone is tested meanwhile (N2), which is not about this name.
        const asked = questions(await lab.asked()).filter((each) => /^(?:com|git)\./.test(each));
        t.ok(asked.length <= 7, `cold, in at most seven questions: ${asked.join(', ')}`);
      }),
    );
  }

  await t.test('lets the command of each manifest in k8s/sidecar succeed', async (t) => {
    for (const file of ['sidecar/pod.yaml', 'sidecar/none/pod.yaml']) {
      await inPod(manifest(file), async (pod) => {
        await pod.startSidecar();
        await lab.forget();
        const main = pod.startContainer('main');
        const { code, stderr } = await main.exited;
        t.equal(code, 0, `${file}: ${stderr}`);
        t.match(main.lines.join('\n'), /^203\.0\.113\.7\s+git\.corp\.example$/, file);
        const expansions = questions(await lab.asked()).filter(
          (each) => each.startsWith('git.corp.example.') && !each.startsWith('git.corp.example. '),
        );
        t.strictSame(expansions, [], 'a pinned name is asked as it is');
      });
    }
  });

  await t.test('runs as nobody, with no right, under the runtime’s seccomp profile', (t) =>
    inPod(manifest('sidecar/pod.yaml'), async (pod) => {
      const sidecar = await pod.startSidecar();
      const pid = sidecar.hostPid();
      const status = statusOf(pid);
      t.match(status['Uid'], /^65532\s+65532\s+65532\s+65532$/);
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
        t.match(status[set], /^0+$/, set);
      }
      t.equal(status['NoNewPrivs'], '1');
      t.equal(status['Seccomp'], '2', 'filtered');
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
      t.match(
        mounts.find((line) => / \/ \/ | \/ ro,/.test(line)),
        / \/ ro,/,
        'the root is read-only',
      );
      t.equal(engine.run('exec', sidecar.podmanName, 'sidestub', 'health').trim(), 'ready');
    }),
  );

  await t.test('works under the seccomp profile of docker/, which refuses the rest', (t) =>
    inPod(underOwnProfile(manifest('sidecar/pod.yaml')), async (pod) => {
      const sidecar = await pod.startSidecar();
      for (const libc of LIBCS) {
        for (const lookup of await lookUpIn(pod, `/bin/client-${libc}`, NAMES)) {
          resolvesTo(t, lookup, ['192.0.2.1', '2001:db8::1']);
        }
      }
      t.equal(engine.run('exec', sidecar.podmanName, 'sidestub', 'health').trim(), 'ready');
      sidecar.signal('TERM');
      t.equal((await sidecar.exited).code, 0);
      t.match(eventsOf(sidecar).at(-1), { event: 'stopped', abandoned: 0 });
    }),
  );

  await t.test(
    'a system call that is not in the seccomp profile of docker/ gets EPERM',
    async (t) => {
      const source = join(import.meta.dirname, '../support/forbidden-calls.c');
      execFileSync('musl-gcc', ['-static', '-O1', '-o', join(jobRoot, 'bin/forbidden'), source]);
      const profile = resolve(import.meta.dirname, '../../docker/seccomp.json');
      const errnos = (option: string): string[] => {
        // As the pod's: without it runc would have to become the container's user behind the filter.
        const security = ['--security-opt=no-new-privileges', `--security-opt=seccomp=${option}`];
        const container = ['--network=none', ...security, '--rootfs', jobRoot];
        return engine
          .run('run', '--rm', ...container, '/bin/forbidden')
          .trim()
          .split('\n');
      };
      const free = errnos('unconfined');
      t.ok(free.includes('memfd_create 0') && free.includes('inotify_init1 0'), 'to anybody else');
      const refused = errnos(profile);
      t.equal(refused.length, free.length);
      for (const line of refused) t.match(line, / 1$/, line);
    },
  );

  await t.test('outlives its job, answers what is in flight at its own end, and says so', (t) =>
    inPod(manifest('sidecar/pod.yaml'), async (pod) => {
      const sidecar = await pod.startSidecar();
      const job = pod.startContainer('main', ['/bin/client-musl']);
      await lab.setFaults({ delay: 150 });
      const inFlight = async (name: string): Promise<void> => {
        await lab.forget();
        job.writeLine(name);
        while (!questions(await lab.asked()).includes(`${name} 1`)) await wait(5);
      };
      await inFlight('gitlab.com.');
      // The first process of a container has no default for it: this one goes on, as a shell with a trap does.
      job.signal('TERM');
      // With an absolute name both questions are here by now.
      await inFlight('git.example.com.');
      sidecar.signal('TERM');
      const { code } = await sidecar.exited;
      t.equal(code, 0);
      job.endInput();
      await job.exited;
      await lab.setFaults({});
      const [first, second] = job.lines.map((line): Lookup => JSON.parse(line));
      if (first === undefined || second === undefined) throw new Error('two lookups');
      resolvesTo(t, first, ['192.0.2.20', '2001:db8::20']);
      resolvesTo(t, second, ['192.0.2.1', '2001:db8::1']);
      t.match(eventsOf(sidecar).at(-1), { event: 'stopped', abandoned: 0 });
      t.match(sidecar.terminationMessage(), /\S/, 'kubelet finds the totals');
    }),
  );

  await t.test('without the sysctl says what is missing, and starts nothing', (t) => {
    const { spec, ...rest } = manifest('sidecar/pod.yaml');
    const { securityContext: _, ...without } = spec;
    return inPod({ ...rest, spec: without }, async (pod) => {
      const sidecar = pod.startFailing();
      const { code, stderr } = await sidecar.exited;
      t.equal(code, 78);
      t.match(stderr, 'listen udp 127.0.0.1:53: not permitted');
      t.match(stderr, 'set the sysctl net.ipv4.ip_unprivileged_port_start=53 for the pod');
    });
  });

  await t.test(
    'for dind, answers containers of dockerd at the address of the pod, and no others',
    (t) => {
      const bare = { ...manifest('sidecar/pod.yaml'), spec: { containers: [{ name: 'main' }] } };
      return inPod(injected(bare, 'pod'), async (pod) => {
        await pod.startSidecar();
        const [lookup] = await lookUpIn(pod, '/bin/client-glibc', ['git.example.com']);
        if (lookup === undefined) throw new Error('no lookup');
        resolvesTo(t, lookup, ['192.0.2.1', '2001:db8::1']);

        const docker = dockerBridge(t, lab.network.pod);
        // dockerd gives its containers the pod's nameservers, but for those on the loopback.
        const etc = mkdtempSync(join(jobRoot, 'etc-'));
        writeEtc(etc, `${resolvConf([POD_IP])}options timeout:1 attempts:1\n`);
        const client = [join(jobRoot, 'bin/client-glibc')];
        const [inner] = await lookUp<Lookup>(docker, etc, client, ['git.example.com']);
        if (inner === undefined) throw new Error('no lookup');
        resolvesTo(t, inner, ['192.0.2.1', '2001:db8::1']);

        const [outer] = await lookUp<Lookup>(lab.network.node, etc, client, ['git.example.com.']);
        t.not(outer?.rc, 0, `the node is not answered: ${outer?.addresses}`);
      });
    },
  );
});

/** The same pod with the profile that is made for the daemon, in place of the runtime's own. */
function underOwnProfile(from: PodManifest): PodManifest {
  const seccompProfile = { type: 'Localhost', localhostProfile: 'seccomp.json' };
  const initContainers = from.spec.initContainers.map((container) => ({
    ...container,
    securityContext: { ...container.securityContext, seccompProfile },
  }));
  return { ...from, spec: { ...from.spec, initContainers } };
}

/** A namespace behind a bridge of the pod, with the addresses that dockerd chooses. */
function dockerBridge(t: Test, pod: string): string {
  const name = `${pod}-docker`;
  const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe' });
  const remove = () => void spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  const forget = atEnd(remove);
  t.teardown(() => {
    remove();
    forget();
  });
  ip('netns', 'add', name);
  ip('-n', pod, 'link', 'add', 'docker0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
  ip('-n', pod, 'addr', 'add', '172.17.0.1/16', 'dev', 'docker0');
  ip('-n', pod, 'link', 'set', 'docker0', 'up');
  ip('-n', name, 'addr', 'add', '172.17.0.2/16', 'dev', 'eth0');
  ip('-n', name, 'link', 'set', 'eth0', 'up');
  ip('-n', name, 'route', 'add', 'default', 'via', '172.17.0.1');
  return name;
}

test('the image is what it says', async (t) => {
  const engine = containerEngine(t);
  if (engine === undefined) return;

  await t.test('for docker: who it runs as, what tells its health, what it is', (t) => {
    const [{ Config: config }] = JSON.parse(engine.run('image', 'inspect', engine.image));
    t.equal(config.User, '65532:65532');
    t.strictSame(config.Cmd, ['run']);
    const shown = engine.run('image', 'inspect', '--format={{json .HealthCheck}}', engine.image);
    t.match(shown, '/usr/bin/sidestub","health"');
    const labels = Object.entries(config.Labels as Record<string, string>);
    t.match(Object.fromEntries(labels.map(([key, value]) => [key.split('.').at(-1), value])), {
      version,
      licenses: 'Apache-2.0',
      revision: /^(?:[0-9a-f]{40}|unknown)$/,
      created: /^\d{4}-\d\d-\d\dT/,
    });
    t.end();
  });

  await t.test('has every library that a program in it asks for, and no shell', (t) => {
    const files = programs(engine.root);
    t.ok(files.length > 10, `${files.length} programs and libraries`);
    const names = new Set(files.map((file) => basename(file)));
    for (const file of files) {
      const dynamic = execFileSync('readelf', ['-d', file], { encoding: 'utf8' });
      for (const [, needed = ''] of dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)) {
        t.ok(names.has(needed), `${relative(engine.root, file)} needs ${needed}`);
      }
    }
    for (const shell of ['bin/sh', 'bin/bash', 'usr/bin/env', 'bin/busybox']) {
      t.notOk(existsSync(join(engine.root, shell)), shell);
    }
    t.end();
  });

  await t.test('has in its bill of materials what is in it', (t) => {
    const bill = JSON.parse(readFileSync(join(engine.root, SBOM), 'utf8'));
    const billed: string[] = bill.components.map(({ purl }: { purl: string }) => purl);
    const installed = globSync('app/node_modules/{*,@*/*}/package.json', { cwd: engine.root })
      .map((path) => JSON.parse(readFileSync(join(engine.root, path), 'utf8')))
      .map(({ name, version: own }) => `pkg:npm/${name.replace('@', '%40')}@${own}`);
    const libraries = readdirSync(join(engine.root, 'var/lib/dpkg/status.d'));
    t.strictSame(billed.filter((purl) => purl.startsWith('pkg:npm/')).sort(), installed.sort());
    t.equal(billed.filter((purl) => purl.startsWith('pkg:deb/')).length, libraries.length);
    for (const name of libraries) {
      t.ok(existsSync(join(engine.root, 'usr/share/doc', name, 'copyright')), `${name}: licence`);
    }
    t.end();
  });
});

/** What the loader reads: by its first four octets. */
function programs(root: string): string[] {
  return globSync('**', { cwd: root })
    .map((path) => join(root, path))
    .filter((path) => lstatSync(path).isFile())
    .filter((path) => {
      const octets = Buffer.alloc(4);
      const file = openSync(path, 'r');
      readSync(file, octets);
      closeSync(file);
      return octets.equals(Buffer.from('\x7fELF', 'latin1'));
    });
}

/** What injection makes of a pod. */
function injected(pod: unknown, listen: 'loopback' | 'pod'): PodManifest {
  const injection = injectPod(pod, { ...testOptions, listen });
  if (!('patch' in injection)) throw new Error(injection.message);
  const result = structuredClone(pod);
  fastJsonPatch.applyPatch(result, structuredClone(injection.patch) as Operation[]);
  return result as PodManifest;
}

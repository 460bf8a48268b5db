// A release as `npm run release` makes it: twice, and then both images start, the other architecture's by emulation.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { PLATFORMS, type Platform } from '../../docker/platform.ts';
import { monotonicClock } from '../../src/clock.ts';
import { startCluster } from '../../src/demo/cluster.ts';
import { DEMO_WORLD } from '../../src/demo/cluster-world.ts';
import { formatEndpoint } from '../../src/endpoint.ts';
import { required } from '../support/lab-requirements.ts';
import { type UnpackedImage, unpackImage } from '../support/oci-archive.ts';
import { productEnv } from '../support/product-env.ts';
import { startRegistry } from '../support/registry.ts';

const { PATH } = process.env;
const REPOSITORY = resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
const EMULATORS: Readonly<Record<string, string>> = {
  amd64: 'qemu-x86_64-static',
  arm64: 'qemu-aarch64-static',
};
const OTHER = PLATFORMS.find(({ cpu }) => cpu !== process.arch)?.arch ?? '';
const TOOLS = ['buildah', 'git', 'tar', 'chroot', 'apt-get', 'skopeo', EMULATORS[OTHER] ?? ''];

// Two clones, two times `npm ci`, two releases of two platforms, and Node by emulation.
t.setTimeout(900_000);
const folder = mkdtempSync(join(tmpdir(), 'sidestub-release-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const release = join(folder, 'release');

t.test('a release of a commit has the same octets when it is made in another folder', async (t) => {
  if (!wanted(t)) return;
  const script = join(REPOSITORY, 'docker/reproduce.ts');
  // tap hands its loader to every child, and the compiler does not start under it.
  const argv = ['-u', 'NODE_OPTIONS', process.execPath, script, '--keep', release];
  const made = spawnSync('env', argv, { encoding: 'utf8', env: productEnv() });
  t.equal(made.status, 0, made.stderr);
  t.match(made.stdout, 'the same octets in both folders');
});

t.test('it has what docs/release.md lists, each with its checksum', async (t) => {
  if (!wanted(t)) return;
  const files = readdirSync(release).sort();
  const [page = ''] = readFileSync(join(REPOSITORY, 'docs/release.md'), 'utf8').split('\n## ');
  const listed = Array.from(page.matchAll(/^\| `([^`]+)` \|/gm), ([, name = '']) => name);
  t.strictSame(listed.map((name) => name.replace('VERSION', version)).sort(), files);
  const summed = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: release });
  t.equal(summed.status, 0, `${summed.stderr}`);
  const sums = readFileSync(join(release, 'SHA256SUMS'), 'utf8').trim().split('\n');
  t.strictSame(
    sums.map((line) => line.split('  ')[1]).sort(),
    files.filter((name) => name !== 'SHA256SUMS'),
  );
});

for (const platform of PLATFORMS) {
  t.test(
    `the image of ${platform.arch} starts, and answers a lookup by each kind of I/O`,
    async (t) => {
      if (!wanted(t)) return;
      const archive = join(release, `sidestub-image-${version}.tar`);
      const image = unpackImage(archive, platform.arch, join(folder, platform.arch));
      t.equal(image.config.User, '65532:65532');
      const start = starter(image, platform);
      const said = start({}, '--version');
      t.match(await said.line(/./), `sidestub ${version}`);
      const cluster = await startCluster({
        endpoints: [{ address: '127.0.0.1', port: 0 }],
        world: DEMO_WORLD,
        faults: { delay: 5 },
        clock: monotonicClock,
      });
      t.teardown(() => cluster.close());
      for (const io of ['batch', 'dgram']) {
        const env = {
          SIDESTUB_LISTEN_IO: io,
          SIDESTUB_LISTEN_ADDRESSES: '127.0.0.1:0',
          SIDESTUB_UPSTREAMS: cluster.endpoints.map(formatEndpoint).join(' '),
          SIDESTUB_STATUS_ADDRESS: '127.0.0.1:0',
          SIDESTUB_LOG_FORMAT: 'json',
        };
        const daemon = start(env, 'run');
        t.teardown(() => daemon.kill());
        const { addresses } = JSON.parse(await daemon.line(/"event":"listening"/));
        const words = ['query', 'git.example.com', '--server', addresses[0], '--timeout', '30s'];
        const asked = start({}, ...words);
        t.match(await asked.line(/198\.51\.100\.7/), /git\.example\.com/, io);
        daemon.kill();
      }
    },
  );
}

t.test('it is pushed to a registry by its digests, and signed where a key is given', async (t) => {
  if (!wanted(t)) return;
  const registry = await startRegistry(t);
  const home = mkdtempSync(join(folder, 'push-'));
  // cosign is not packaged by Debian: what it would be asked for is written down.
  const cosign = `#!/bin/sh
if [ "$1" = sign ]; then grep -q auths "$DOCKER_CONFIG/config.json" || exit 1; fi
echo "$*" >>"$SIGNED"
`;
  writeFileSync(join(home, 'cosign'), cosign, { mode: 0o755 });
  const push = async (env: Readonly<Record<string, string>>): Promise<string[]> => {
    const script = join(REPOSITORY, 'docker/push-release.ts');
    const words = [
      script,
      '--from',
      release,
      '--to',
      `${registry.host}/dns/sidestub`,
      '--plain-http',
    ];
    const user = { CI_REGISTRY_USER: 'gitlab-ci-token', CI_REGISTRY_PASSWORD: 'secret' };
    const all = { PATH: `${home}:${PATH}`, SIGNED: join(home, 'signed'), ...user, ...env };
    const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, ...words], { env: all });
    const [out, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    t.equal(code, 0, errors);
    return out.trim().split('\n');
  };
  const names = await push({});
  t.notOk(existsSync(join(home, 'signed')), 'nothing is signed without a key');
  t.strictSame([...registry.credentials], ['gitlab-ci-token:secret']);
  const notes = readFileSync(join(release, 'RELEASE_NOTES.md'), 'utf8');
  const [image = '', chart = ''] = names.slice(-2);
  t.match(notes, image.split('@')[1], 'the digest of the notes');
  for (const [name, tag] of [
    [image, `dns/sidestub:${version}`],
    [chart, `dns/sidestub/chart/sidestub:${version}`],
  ] as const) {
    t.same(
      registry.manifests.get(name.slice(registry.host.length + 1)),
      registry.manifests.get(tag),
    );
    t.ok(registry.manifests.has(tag), tag);
  }
  const list = JSON.parse(`${registry.manifests.get(`dns/sidestub:${version}`)}`);
  const archs = list.manifests.map(
    ({ platform }: { platform: { architecture: string } }) => platform.architecture,
  );
  t.strictSame(
    archs,
    PLATFORMS.map(({ arch }) => arch),
    'both platforms, in their order',
  );
  await push({ COSIGN_PRIVATE_KEY: 'a key' });
  const signed = readFileSync(join(home, 'signed'), 'utf8');
  for (const name of [image, chart]) t.match(signed, new RegExp(`^sign --key=env.* ${name}$`, 'm'));
  t.match(signed, /^sign-blob .* SHA256SUMS$/m);
});

/** It takes minutes and packages of another architecture: not on a machine where nobody asked for that. */
function wanted(t: Test): boolean {
  if (process.env['SIDESTUB_E2E'] === 'required') return required(t, TOOLS);
  t.pass('makes a release twice', { skip: 'SIDESTUB_E2E is not "required"' });
  return false;
}

interface Started {
  /** The first line of its output that matches. @throws {Error} When it ends before. */
  line(pattern: RegExp): Promise<string>;
  kill(): void;
}

/** Runs the entry point in the root file system of the image, as the user of the image. */
function starter({ root, config }: UnpackedImage, { arch }: Platform) {
  const emulator = arch === OTHER ? [`/${EMULATORS[arch]}`] : [];
  if (arch === OTHER) copyFileSync(`/usr/bin/${EMULATORS[arch]}`, join(root, emulator[0] ?? ''));
  return (env: Readonly<Record<string, string>>, ...words: string[]): Started => {
    // tap adds a loader to every child.
    const argv = [
      '-u',
      'NODE_OPTIONS',
      'chroot',
      `--userspec=${config.User}`,
      root,
      ...emulator,
      ...config.Entrypoint,
      ...words,
    ];
    const child = spawn('env', argv, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH, ...env },
    });
    const seen: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        seen.push(line);
        child.emit('line');
      });
    }
    const line = async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const found = seen.find((each) => pattern.test(each));
        if (found !== undefined) return found;
        if (child.exitCode !== null) throw new Error(`it ended: ${seen.join('\n')}`);
        await Promise.race([once(child, 'line'), once(child, 'close')]);
      }
    };
    return { line, kill: () => void child.kill('SIGKILL') };
  };
}

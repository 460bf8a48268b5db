import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { command } from './command.ts';
import { copyClone, copyGit } from './git-in-image.ts';
import { BIN, HERE, IMAGES, REPOSITORY, ROOT } from './places.ts';
import type { Progress } from './progress.ts';
import { BUSYBOX } from './requirements.ts';

const CLIENTS = ['getent', 'gai', 'drip', 'until'];
const LIBRARIES = ['libc.so.6', 'libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'];

/** The programs of the test's images. They are called as in the documents: alpine is musl, debian is glibc. */
const NAMES: readonly (readonly [folder: string, name: string])[] = [
  ['pause', 'docker.io/library/pause:1'],
  ['coredns', 'docker.io/library/coredns:1'],
  ['musl', 'docker.io/library/alpine:3.22'],
  ['musl', 'docker.io/library/busybox:1.37'],
  ['glibc', 'docker.io/library/debian:12'],
];

/** Where the built images are, as archives that containerd imports. */
export const archives = (): string[] => [
  ...NAMES.map(([, name]) => archiveOf(name)),
  join(ROOT, 'sidestub.tar'),
];

/** Builds the images that are missing, and sidestub's own anew, from what is on this machine: no registry is asked. */
export async function buildImages(progress: Progress): Promise<void> {
  const env = storage();
  if (!NAMES.every(([, name]) => existsSync(archiveOf(name)))) {
    await progress.step('build the images of the tests', () => buildTestImages(env));
  }
  await progress.step('build the image of sidestub', async () => {
    const words = ['docker/image.ts', '--archive', join(ROOT, 'sidestub.tar')];
    await command([process.execPath, ...words, '--out', join(ROOT, 'build/sidestub')], {
      cwd: REPOSITORY,
      env,
    });
  });
}

/** buildah's own storage: what else this machine has in containers is not touched. */
function storage(): NodeJS.ProcessEnv {
  const file = join(ROOT, 'storage.conf');
  const paths = `graphroot = "${ROOT}/containers"\nrunroot = "${ROOT}/containers-run"\n`;
  writeFileSync(file, `[storage]\ndriver = "overlay"\n${paths}`);
  return { ...process.env, CONTAINERS_STORAGE_CONF: file };
}

async function buildTestImages(env: NodeJS.ProcessEnv): Promise<void> {
  const folder = join(ROOT, 'build/images');
  rmSync(folder, { recursive: true, force: true });
  await layOut(folder);
  for (const [image, name] of NAMES) {
    const archive = archiveOf(name);
    await command(
      [
        'buildah',
        'bud',
        '-q',
        '--isolation=chroot',
        '--format=docker',
        '-t',
        name,
        join(folder, image),
      ],
      { env },
    );
    rmSync(`${archive}.new`, { force: true });
    await command(['buildah', 'push', '-q', name, `docker-archive:${archive}.new:${name}`], {
      env,
    });
    renameSync(`${archive}.new`, archive);
  }
}

async function layOut(folder: string): Promise<void> {
  for (const image of ['pause', 'coredns']) mkdirSync(join(folder, image), { recursive: true });
  const source = (name: string) => join(HERE, 'clients', `${name}.c`);
  const pause = join(folder, 'pause/pause');
  await command(['musl-gcc', '-static', '-Os', '-s', '-o', pause, source('pause')]);
  dockerfile(folder, 'pause', ['COPY pause /pause', 'USER 65535:65535', 'ENTRYPOINT ["/pause"]']);
  copyFileSync(join(BIN, 'coredns'), join(folder, 'coredns/coredns'));
  dockerfile(folder, 'coredns', ['COPY coredns /coredns', 'ENTRYPOINT ["/coredns"]']);
  for (const libc of ['musl', 'glibc']) await layOutClients(join(folder, libc), libc, source);
}

/** busybox for a shell, and the clients: with musl static, with glibc and what it loads. */
async function layOutClients(
  folder: string,
  libc: string,
  source: (name: string) => string,
): Promise<void> {
  const root = join(folder, 'root');
  for (const each of ['root', 'bin', 'etc', 'lib', 'lib64', 'tmp', 'usr/bin', 'run']) {
    mkdirSync(join(root, each), { recursive: true });
  }
  chmodSync(join(root, 'tmp'), 0o1777);
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'));
  const { stdout } = await command([BUSYBOX, '--list']);
  for (const applet of stdout.trim().split('\n')) {
    if (applet !== 'getent' && applet !== 'busybox')
      symlinkSync('busybox', join(root, 'bin', applet));
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  const compiler = libc === 'musl' ? ['musl-gcc', '-static'] : ['gcc'];
  for (const name of CLIENTS) {
    const out = join(root, 'usr/bin', name);
    await command([...compiler, '-O2', '-s', '-o', out, source(name), '-lpthread']);
  }
  if (libc === 'glibc') {
    for (const library of LIBRARIES) {
      copyFileSync(join('/lib/x86_64-linux-gnu', library), join(root, 'lib', library));
    }
    copyFileSync('/lib64/ld-linux-x86-64.so.2', join(root, 'lib64/ld-linux-x86-64.so.2'));
    await copyGit(root);
  } else copyClone(root);
  dockerfile(join(folder, '..'), libc, ['COPY root/ /', 'ENV PATH=/usr/bin:/bin', 'CMD ["sh"]']);
}

function dockerfile(folder: string, image: string, lines: readonly string[]): void {
  writeFileSync(join(folder, image, 'Dockerfile'), `${['FROM scratch', ...lines].join('\n')}\n`);
}

function archiveOf(name: string): string {
  return join(IMAGES, `${name.replaceAll(/[/:]/g, '-')}.tar`);
}

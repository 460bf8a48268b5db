// `npm run push-release`: what `npm run release` made goes to a registry, signed where there is a key.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { releaseOnGitLab } from './gitlab-release.ts';
import { unpackTool } from './kubernetes-tools.ts';
import { scriptFlags } from './script-flags.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');
const USAGE = `usage: npm run push-release -- [--to REGISTRY/PATH] [--from FOLDER] [--plain-http]

Checks the checksums, pushes the image to REGISTRY/PATH:VERSION and the chart to oci://REGISTRY/PATH/chart, and signs
both and the checksums with cosign where COSIGN_PRIVATE_KEY is set. Needs skopeo, and cosign for the signatures.

  --to REGISTRY/PATH  default CI_REGISTRY_IMAGE
  --from FOLDER       default build/release
  --plain-http        for a registry without TLS

Signs in as CI_REGISTRY_USER with CI_REGISTRY_PASSWORD where they are set. In a job of GitLab for a tag the files go to the
project's package registry, and a release of GitLab links to them.
`;

const { values } = scriptFlags({
  options: {
    to: { type: 'string' },
    from: { type: 'string', default: join(REPOSITORY, 'build/release') },
    'plain-http': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(USAGE);
else process.exitCode = await main(values.to ?? process.env['CI_REGISTRY_IMAGE']);

async function main(to: string | undefined): Promise<number> {
  if (to === undefined) {
    process.stderr.write('push-release: where to? --to or CI_REGISTRY_IMAGE\n');
    return 1;
  }
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  run('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], values.from);
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-push-'));
  try {
    writeFileSync(join(folder, 'config.json'), JSON.stringify(signIn(to)), { mode: 0o600 });
    const pushed = [pushImage(to, version, folder), pushChart(to, version, folder)];
    const { COSIGN_PRIVATE_KEY: key } = process.env;
    if (key !== undefined && key !== '') sign(pushed, folder);
    for (const name of pushed) process.stdout.write(`${name}\n`);
    await tellGitLab();
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In a job of GitLab for a tag, the release is one of GitLab's too. */
async function tellGitLab(): Promise<void> {
  const {
    CI_API_V4_URL: api,
    CI_PROJECT_ID: id,
    CI_JOB_TOKEN: token,
    CI_COMMIT_TAG: tag,
  } = process.env;
  if (api === undefined || id === undefined || token === undefined || tag === undefined) return;
  await releaseOnGitLab({ api, id, token }, { tag, folder: values.from });
}

/** What docker keeps in its config.json, and skopeo, helm and cosign read: a password is in no command line. */
function signIn(to: string): object {
  const { CI_REGISTRY_USER: user, CI_REGISTRY_PASSWORD: password } = process.env;
  if (user === undefined || password === undefined) return { auths: {} };
  const auth = Buffer.from(`${user}:${password}`).toString('base64');
  return { auths: { [to.split('/')[0] ?? to]: { auth } } };
}

/** @returns The name of the image by its digest. */
function pushImage(to: string, version: string, folder: string): string {
  const archive = join(values.from, `sidestub-image-${version}.tar`);
  const digestFile = join(folder, 'digest');
  run('skopeo', [
    'copy',
    '--all',
    '--preserve-digests',
    `--authfile=${join(folder, 'config.json')}`,
    `--digestfile=${digestFile}`,
    `--dest-tls-verify=${!values['plain-http']}`,
    `oci-archive:${archive}`,
    `docker://${to}:${version}`,
  ]);
  return `${to}@${readFileSync(digestFile, 'utf8').trim()}`;
}

/** @returns The name of the chart by its digest. */
function pushChart(to: string, version: string, folder: string): string {
  const helm = unpackTool('helm');
  if (helm instanceof Error) throw helm;
  try {
    const archive = join(values.from, `sidestub-chart-${version}.tgz`);
    const flags = ['--registry-config', join(folder, 'config.json')];
    if (values['plain-http']) flags.push('--plain-http');
    helm.run('push', archive, `oci://${to}/chart`, ...flags);
    // helm tells the digest in prose only.
    const raw = execFileSync('skopeo', [
      'inspect',
      '--raw',
      `--authfile=${join(folder, 'config.json')}`,
      `--tls-verify=${!values['plain-http']}`,
      `docker://${to}/chart/sidestub:${version}`,
    ]);
    return `${to}/chart/sidestub@sha256:${createHash('sha256').update(raw).digest('hex')}`;
  } finally {
    helm.remove();
  }
}

function sign(names: readonly string[], folder: string): void {
  const key = '--key=env://COSIGN_PRIVATE_KEY';
  // No transparency log: what a private registry holds is not told to the public one.
  const flags = [key, '--yes', '--tlog-upload=false'];
  const registry = values['plain-http'] ? ['--allow-http-registry'] : [];
  const env = { DOCKER_CONFIG: folder };
  for (const name of names) run('cosign', ['sign', ...flags, ...registry, name], undefined, env);
  const signature = '--output-signature=SHA256SUMS.sig';
  run('cosign', ['sign-blob', ...flags, signature, 'SHA256SUMS'], values.from);
}

function run(
  program: string,
  words: readonly string[],
  cwd: string = REPOSITORY,
  env: Readonly<Record<string, string>> = {},
): void {
  const all = { ...process.env, ...env };
  execFileSync(program, words, { cwd, env: all, stdio: ['ignore', 'inherit', 'inherit'] });
}

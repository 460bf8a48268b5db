import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { CORPORATE } from './corporate-dns.ts';
import { HERE } from './places.ts';

/** What the only file of the repository says. */
export const README = 'cloned over HTTPS';

/** A git server in the corporate network, whose certificate an authority of its own has signed. */
export interface GitServer {
  /** With the authority's certificate, `corp-ca.pem`. */
  readonly folder: string;
  end(): Promise<void>;
}

/** Starts one at git.corp.example with `project.git`. @param names - Other names that it is called by. */
export async function startGitServer(
  cluster: Cluster,
  names: readonly string[],
): Promise<GitServer> {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-git-'));
  await makeCertificates(cluster, folder, ['git.corp.example', ...names]);
  await makeRepository(cluster, folder);
  const words = ['--net=/run/netns/corp', process.execPath, join(HERE, 'serve-git.ts')];
  const server = spawn('nsenter', [...words, CORPORATE, folder], { stdio: 'ignore' });
  await cluster.until('the git server answers', async () => {
    const url = `https://${CORPORATE}/project.git`;
    const { stdout } = await cluster.run(['git', '-c', 'http.sslVerify=false', 'ls-remote', url]);
    return stdout.includes('refs/heads');
  });
  return { folder, end: () => end(server, folder) };
}

async function end(server: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

async function makeCertificates(
  cluster: Cluster,
  folder: string,
  names: readonly string[],
): Promise<void> {
  const curve = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1';
  const subject = `-subj /CN=git -addext subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`;
  const script = [
    `openssl req -x509 ${curve} -subj '/CN=Corporate authority' -keyout ca.key -out corp-ca.pem`,
    `openssl req -x509 ${curve} ${subject} -addext basicConstraints=critical,CA:FALSE -CA corp-ca.pem -CAkey ca.key -keyout key.pem -out cert.pem`,
  ];
  await cluster.documented(script.join('\n'), { cwd: folder });
}

async function makeRepository(cluster: Cluster, folder: string): Promise<void> {
  const work = join(folder, 'work');
  await cluster.run(['git', 'init', '-q', '-b', 'main', work]);
  writeFileSync(join(work, 'README'), `${README}\n`);
  const git = ['git', '-C', work, '-c', 'user.name=t', '-c', 'user.email=t@example.com'];
  await cluster.run([...git, 'add', 'README']);
  await cluster.run([...git, 'commit', '-q', '-m', 'readme']);
  await cluster.run(['git', 'clone', '-q', '--bare', work, join(folder, 'project.git')]);
}

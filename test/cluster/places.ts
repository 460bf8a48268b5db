import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What the node is built of, each from its Go module as published. */
export const VERSIONS = {
  kubernetes: 'v1.36.3',
  /** Of k8s.io/api and its siblings, which are published with it. */
  staging: 'v0.36.3',
  containerd: 'v2.4.2',
  cni: 'v1.10.0',
  coredns: 'v1.15.0',
} as const;

/** This folder, and the repository that it is in. */
export const HERE = import.meta.dirname;
export const REPOSITORY = resolve(HERE, '../..');

const { XDG_CACHE_HOME: cache, SIDESTUB_CLUSTER: own } = process.env;

/** Everything that the cluster leaves on the disk is in here. */
export const ROOT = own ?? join(cache ?? join(homedir(), '.cache'), 'sidestub-cluster');

/** Made anew by each start, and mounted at /run/node inside the node. */
export const RUN = join(ROOT, 'run');
export const LOG = join(ROOT, 'log');

/** Go's binaries: kept while the versions and our two main packages are the same. */
export const BIN = join(ROOT, `bin-${keyOf(['go/hyper/main.go', 'go/coredns/main.go'])}`);

const CLIENTS = ['getent', 'gai', 'drip', 'until', 'pause'].map((name) => `clients/${name}.c`);
const GIT = ['git-in-image.ts', 'programs.ts', 'go/clone/main.go'];

/** The images of the tests, but for sidestub's own: kept while the binaries and the clients are the same. */
export const IMAGES = join(
  ROOT,
  `images-${keyOf(['images.ts', 'go/coredns/main.go', ...CLIENTS, ...GIT])}`,
);

/** Who a command inside the node is, for kubectl. */
export const KUBECONFIG = '/run/node/admin.kubeconfig';

function keyOf(files: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(VERSIONS));
  for (const file of files) hash.update(readFileSync(join(HERE, file)));
  return hash.digest('hex').slice(0, 12);
}

/** Makes the folders that have to be there before anything else. */
export function makePlaces(): void {
  for (const folder of [BIN, RUN, LOG, IMAGES]) mkdirSync(folder, { recursive: true });
}

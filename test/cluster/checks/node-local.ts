import type { Check } from '../check.ts';
import { injectedPod } from '../injected.ts';
import { ADDRESS, startNodeLocal, stopNodeLocal } from '../node-local-dns.ts';

const NAMES = ['kubernetes.default', 'nginx.ci', 'db.other', 'git.corp.example', 'git.example.com'];

export const nodeLocal: Check = {
  name: 'nodelocal',
  shows:
    "CoreDNS with NodeLocal DNSCache's Corefile in between, at a link-local address and over TCP",
  run: async (cluster, findings) => {
    const namespace = await startNodeLocal(cluster);
    for (const image of ['alpine:3.22', 'debian:12']) {
      const libc = image.startsWith('alpine') ? 'musl' : 'glibc';
      const spec = { name: libc, namespace: namespace, image, command: ['gai', ...NAMES] };
      await cluster.api.post(
        `/api/v1/namespaces/${namespace}/pods`,
        injectedPod(spec, { upstreams: [ADDRESS] }),
      );
      await cluster.podEnded(namespace, libc);
      const seen = (await cluster.logs(namespace, libc)).trim();
      findings.holds(
        !seen.includes('ERR') && seen.split('\n').length === NAMES.length,
        libc,
        seen.replaceAll('\n', '; '),
      );
    }
    await stopNodeLocal(cluster);
  },
};

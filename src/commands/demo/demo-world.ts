import type { ResolverFacts } from '../../walk/walk.ts';
import { worldOf } from './cluster-world.ts';

/** The cluster, its corner of the internet and the company's zone, as small as the stories allow. */
export const DEMO_WORLD = worldOf({
  namespaces: { job: { nginx: { addresses: ['10.96.44.7'] } } },
  hosts: {
    // Without AAAA, as most Git hosts of companies are: what is said of AAAA is what the stories are about.
    'git.example.com.': { a: ['198.51.100.7'] },
    'packages.example.com.': { a: ['198.51.100.8'] },
    'wiki.corp.example.': { a: ['203.0.113.5'] },
  },
  zones: ['example.com.', 'corp.example.'],
});

/** What kubelet writes into the resolv.conf of a pod in namespace `job`, with the company's suffix behind. */
export const POD_SEARCH: Pick<ResolverFacts, 'search' | 'ndots'> = {
  search: ['job.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.', 'corp.example.'],
  ndots: 5,
};

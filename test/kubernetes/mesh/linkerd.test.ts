import { test } from 'tap';
import { podFile, podFiles } from '../inject/pod-files.ts';
import { injectedBy, listsOf } from './injected-pod.ts';
import {
  byLinkerd,
  installations,
  type LinkerdName,
  linkerdPatches,
  linkerdPod,
} from './linkerd.ts';
import { plainJob } from './renderings.ts';

const names = Object.keys(installations) as LinkerdName[];
const patches = linkerdPatches();

test('every pod in which Linkerd stands is what its own chart makes', (t) => {
  const named = podFiles().filter(({ pod }) => JSON.stringify(pod).includes('"linkerd-proxy"'));
  t.strictSame(named.map(({ name }) => name).toSorted(), names.toSorted());
  for (const name of names) t.strictSame(podFile(name), linkerdPod(name, patches), name);
  t.end();
});

test('sidestub starts before what Linkerd has made, and everything behind it asks it', (t) => {
  for (const name of names) {
    const { initContainers, containers } = listsOf(injectedBy(podFile(name)).pod);
    t.equal(initContainers[0]?.name, 'sidestub', name);
    for (const { name: each, volumeMounts = [] } of [...initContainers.slice(1), ...containers]) {
      const mounted = volumeMounts.some(({ mountPath }) => mountPath === '/etc/resolv.conf');
      t.ok(mounted, `${name}: ${each}`);
    }
  }
  t.end();
});

test('a native sidecar of Linkerd stands before sidestub where the pod had that already', (t) => {
  const order = (name: LinkerdName): string[] => {
    const { pod } = injectedBy(plainJob('job', {}));
    return listsOf(byLinkerd(patches[name], pod)).initContainers.map((each) => each.name);
  };
  t.strictSame(order('linkerd'), ['linkerd-init', 'linkerd-proxy', 'sidestub', 'fetch']);
  t.strictSame(order('linkerd-cni'), [
    'linkerd-network-validator',
    'linkerd-proxy',
    'sidestub',
    'fetch',
  ]);
  t.strictSame(order('linkerd-classic'), ['sidestub', 'fetch', 'linkerd-init']);
  t.strictSame(order('linkerd-classic-cni'), ['sidestub', 'fetch', 'linkerd-network-validator']);
  t.end();
});

import { type Test, test } from 'tap';
import { podFile, podFiles } from '../inject/pod-files.ts';
import { injectedBy, listsOf } from './injected-pod.ts';
import { Istio } from './istio.ts';
import { needed, rendered, renderings } from './renderings.ts';

/** Rendered pods in which sidestub does not start first: the docs say which. */
const NOT_FIRST = ['istio-dns-capture', 'istio-native-after'];

test('sidestub starts before what Istio has made, and everything behind it asks it', (t) => {
  for (const { name } of renderings) {
    const { initContainers, containers } = listsOf(injectedBy(podFile(name)).pod);
    t.equal(initContainers[0]?.name === 'sidestub', !NOT_FIRST.includes(name), name);
    const at = initContainers.findIndex(({ name: each }) => each === 'sidestub');
    for (const container of at < 0 ? [] : [...initContainers.slice(at + 1), ...containers]) {
      const paths = container.volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
      t.ok(paths.includes('/etc/resolv.conf'), `${name}: ${container.name}`);
    }
  }
  t.end();
});

test('every pod in which Istio stands was rendered by it', (t) => {
  const named = podFiles().filter(({ pod }) => JSON.stringify(pod).includes('"istio-proxy"'));
  t.strictSame(
    named.map(({ name }) => name).toSorted(),
    renderings.map(({ name }) => name).toSorted(),
  );
  t.end();
});

/** Istio's webhook; skips where nobody has built it. */
function builtIstio(t: Test): Istio | undefined {
  const istio = Istio.built();
  if (istio === undefined) {
    t.pass('needs Istio', { skip: 'not built: `npm run meshes` does, in some minutes' });
  } else {
    t.teardown(() => istio.end());
  }
  return istio;
}

test("Istio's own webhook makes the pods that stand in test/kubernetes/inject/pods", async (t) => {
  const istio = builtIstio(t);
  if (istio === undefined) return;
  for (const rendering of renderings) {
    const pod = await rendered(istio, rendering);
    t.strictSame(needed(pod), podFile(rendering.name), rendering.name);
    const { injection, pod: once } = injectedBy(pod);
    t.strictSame(
      { ...injection, patch: undefined },
      { ...injectedBy(podFile(rendering.name)).injection, patch: undefined },
      `${rendering.name}: the variables that were left out change nothing`,
    );
    const { initContainers } = listsOf(once);
    if (rendering.by.length > 1 || NOT_FIRST.includes(rendering.name)) continue;
    const again = injectedBy(await istio.inject(rendering, once)).pod;
    t.strictSame(
      listsOf(again).initContainers.map(({ name }) => name),
      initContainers.map(({ name }) => name),
      `${rendering.name}: both again, and the order is the same`,
    );
  }
});

test('Istio keeps scraping sidestub where pods are annotated for Prometheus', async (t) => {
  const istio = builtIstio(t);
  if (istio === undefined) return;
  const annotations = { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9553' };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'annotated', annotations },
    spec: { containers: [{ name: 'main', image: 'app' }] },
  };
  const made = await istio.inject({ settings: [], kubelet: 'v1.36.3' }, pod);
  t.match(made.metadata, { annotations: { 'prometheus.io/port': '15020' } }, "its agent's port");
  t.match(
    JSON.stringify(made),
    /ISTIO_PROMETHEUS_ANNOTATIONS","value":"[^}]*9553/,
    'the agent asks ours',
  );
});

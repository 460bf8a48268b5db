import { test } from 'tap';
import { applyPatch } from '../../../src/kubernetes/inject/json-patch.ts';
import { removeFromPod } from '../../../src/kubernetes/inject/remove-pod.ts';
import { RESTORE } from '../../../src/kubernetes/inject/restore-record.ts';
import { updatePod } from '../../../src/kubernetes/inject/update-pod.ts';
import { podFile, testOptions } from './pod-files.ts';

const options = { ...testOptions, restorable: true };

test('a sidecar that starts behind others comes to the front, or they would find no file', (t) => {
  const pod = podFile('istio-native-after');
  const update = updatePod(pod, options);
  t.match(update, { outcome: 'updated', warnings: [] });
  const { spec } = applyPatch(pod, 'patch' in update ? update.patch : []) as unknown as {
    spec: { initContainers: { name: string }[] };
  };
  t.strictSame(
    spec.initContainers.map(({ name }) => name),
    ['sidestub', 'istio-init', 'istio-proxy', 'fetch'],
  );
  t.end();
});

test('a pod that must not be injected any more stays as it is, and that is said', (t) => {
  const pod = podFile('bare');
  const first = updatePod(pod, options);
  const injected = applyPatch(pod, 'patch' in first ? first.patch : []) as { spec: object };
  const onHost = { ...injected, spec: { ...injected.spec, hostNetwork: true } };
  t.match(updatePod(onHost, options), {
    outcome: 'skipped',
    message: /it stays injected, --remove/,
  });
  t.end();
});

test('a record that somebody broke is refused by name', (t) => {
  for (const text of ['{', '5', 'null']) {
    const annotations = { 'sidestub.dev/injected': 'v1', [RESTORE]: text };
    const pod = { metadata: { annotations }, spec: { containers: [] } };
    for (const result of [updatePod(pod, options), removeFromPod(pod)]) {
      t.match(result, { outcome: 'refused', reason: 'invalid', message: RESTORE });
    }
  }
  t.end();
});

test('the DNS of a sidecar that somebody wrote stays theirs', (t) => {
  const pod = {
    spec: {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['127.0.0.1'] },
      initContainers: [{ name: 'sidestub', image: 'mine', restartPolicy: 'Always', args: ['run'] }],
      containers: [],
    },
  };
  const injection = updatePod(pod, options);
  t.match(injection, { outcome: 'injected', mode: 'none' });
  const injected = applyPatch(pod, 'patch' in injection ? injection.patch : []);
  t.match(updatePod(injected, options), { outcome: 'unchanged' });
  const removal = removeFromPod(injected);
  t.strictSame(applyPatch(injected, 'patch' in removal ? removal.patch : []), pod);
  t.end();
});

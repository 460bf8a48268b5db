import { test } from 'tap';
import { schemaProblems } from './kubernetes-schema.ts';

const pod = (container: object) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'x' },
  spec: { containers: [{ name: 'x', ...container }] },
});

test('the schema check refuses what the API server would', async (t) => {
  t.strictSame(await schemaProblems(pod({ image: 'x' })), []);
  t.match(await schemaProblems(pod({ imagePolicy: 'x' })), [
    /containers\[0\]\.imagePolicy: unknown field/,
  ]);
  t.match(await schemaProblems(pod({ ports: [{ containerPort: '53' }] })), [/containerPort/]);
  t.match(await schemaProblems(pod({ volumeMounts: [{ name: 'x' }] })), [/mountPath/]);
  t.match(await schemaProblems({ apiVersion: 'v1', kind: 'Pot' }), [/no schema/, /Pot/]);
});

// What a job may look names up with, in clusters of every shape: through sidestub each gets what it gets directly from a
// healthy cluster (docs/clients.md).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'tap';
import { type Cell, runShape } from '../support/client-matrix.ts';
import { type ClusterShape, clusterShape, SHAPE_KINDS } from '../support/cluster-shapes.ts';
import { isOnPath } from '../support/lab-requirements.ts';
import { setupLab } from '../support/lab-story.ts';
import { buildClients, CLIENT_TOOLS } from '../support/real-clients.ts';

/** Of each kind: with five names each, 60 names in 12 clusters. */
const SHAPES = 2;

test('every client gets what it gets from a healthy cluster', async (t) => {
  const lab = await setupLab(t);
  if (lab === undefined) return;
  const missing = CLIENT_TOOLS.filter((tool) => !isOnPath(tool));
  if (missing.length > 0) {
    const { SIDESTUB_E2E: mode } = process.env;
    if (mode === 'required') t.fail(`not installed: ${missing.join(', ')}`);
    else t.pass('some clients are left out', { skip: `not installed: ${missing.join(', ')}` });
  }
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-clients-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const clients = await buildClients(folder, isOnPath);
  t.ok(clients.length >= 4, clients.map(({ name }) => name).join(', '));
  let names = 0;
  let found = 0;
  for (const kind of SHAPE_KINDS) {
    await t.test(kind, async (t) => {
      const property = fc.asyncProperty(clusterShape(kind), async (shape) => {
        const { cells } = await runShape(lab, clients, shape);
        names += shape.names.length;
        found += cells.filter(({ through }) => through.length > 0).length;
        const wrong = cells.filter(({ right }) => !right);
        if (wrong.length > 0) throw new Error(told(shape, wrong));
      });
      // A smaller cluster would take minutes to find; the seed that is told brings this one again.
      await t.resolves(fc.assert(property, { numRuns: SHAPES, endOnFailure: true, seed: SEED }));
    });
  }
  t.ok(names >= 40, `${names} names`);
  t.ok(found >= names, `${found} times an address was found`);
});

const SEED = Number(process.env['SIDESTUB_SHAPES'] ?? Date.now() % 2 ** 31);

function told({ list, random, truth, fault }: ClusterShape, wrong: readonly Cell[]): string {
  const lines = wrong.map((cell) => JSON.stringify(cell));
  const where = JSON.stringify({ seed: SEED, list, truth, fault, world: random.world });
  return `${lines.join('\n')}\n${where}`;
}

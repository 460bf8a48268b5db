// The half of `npm run cluster` that runs inside the node's namespaces: it speaks to the API and to pods directly.
import { loadImages, startServices } from './base.ts';
import { type Check, Findings } from './check.ts';
import { chosen } from './checks.ts';
import { Cluster } from './cluster.ts';
import { joinNode } from './priority.ts';
import { Progress } from './progress.ts';

joinNode();
const [what, ...names] = process.argv.slice(2);
if (what === 'images') await loadImages();
else if (what === 'services') await startServices();
else process.exitCode = await runChecks(names);

async function runChecks(names: readonly string[]): Promise<number> {
  const cluster = new Cluster();
  const progress = new Progress();
  const total = { passed: 0, failed: 0, skipped: 0 };
  const runList = async (list: readonly Check[]): Promise<void> => {
    for (const check of list) {
      const { passed, failed, skipped } = await runCheck(cluster, progress, check);
      total.passed += passed;
      total.failed += failed;
      total.skipped += skipped;
    }
  };
  for (const step of chosen(names)) await Promise.all(step.map(runList));
  cluster.api.close();
  const { passed, failed, skipped } = total;
  process.stdout.write(`# cluster { pass: ${passed}, fail: ${failed}, skip: ${skipped} }\n`);
  return failed === 0 ? 0 : 1;
}

async function runCheck(cluster: Cluster, progress: Progress, check: Check): Promise<Findings> {
  const findings = new Findings();
  const begun = performance.now();
  try {
    await check.run(cluster, findings);
  } catch (error) {
    const why = error instanceof Error ? error.message : `${error}`;
    findings.holds(false, 'it runs to its end', why);
  }
  const took = ((performance.now() - begun) / 1_000).toFixed(1);
  const { passed, failed, skipped, lines } = findings;
  const tally = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  progress.line(`${check.name}: ${tally} (${took} s)`);
  for (const line of lines) progress.line(`  ${line}`);
  return findings;
}

// The half of `npm run cluster` that runs inside the node's namespaces: it speaks to the API and to pods directly.
import { loadImages, startServices } from './base.ts';
import { Findings } from './check.ts';
import { checks } from './checks.ts';
import { Cluster } from './cluster.ts';
import { joinNode } from './priority.ts';
import { Progress } from './progress.ts';

joinNode();
const [what, ...names] = process.argv.slice(2);
if (what === 'images') await loadImages();
else if (what === 'services') await startServices();
else process.exitCode = await runChecks(names);

async function runChecks(chosen: readonly string[]): Promise<number> {
  const cluster = new Cluster();
  const progress = new Progress();
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const check of checks) {
    if (chosen.length > 0 && !chosen.includes(check.name)) continue;
    const findings = new Findings();
    const begun = performance.now();
    try {
      await check.run(cluster, findings);
    } catch (error) {
      findings.holds(
        false,
        'it runs to its end',
        error instanceof Error ? error.message : `${error}`,
      );
    }
    const took = ((performance.now() - begun) / 1_000).toFixed(1);
    const { passed, failed, skipped } = findings;
    progress.line(
      `${check.name}: ${passed} passed, ${failed} failed, ${skipped} skipped (${took} s)`,
    );
    for (const line of findings.lines) progress.line(`  ${line}`);
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  cluster.api.close();
  const { passed, failed, skipped } = total;
  process.stdout.write(`# cluster { pass: ${passed}, fail: ${failed}, skip: ${skipped} }\n`);
  return failed === 0 ? 0 : 1;
}

import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';

/** What every test with namespaces and real libcs runs. */
export const LAB_TOOLS = ['ip', 'iptables', 'conntrack', 'mount', 'gcc', 'musl-gcc'];

/**
 * Whether this machine can run the lab. Where it cannot, the test is skipped and says why; with `SIDESTUB_E2E=required`
 * it fails instead, so that CI never passes by skipping.
 */
export function required(t: Test, tools: readonly string[] = LAB_TOOLS): boolean {
  const reason = missingForLab(tools);
  if (reason === undefined) return true;
  lacks(t, 'needs a lab', reason);
  return false;
}

/** Says that something is not tried here, and why; with `SIDESTUB_E2E=required` that is a failure. */
export function lacks(t: Test, what: string, reason: string): void {
  const { SIDESTUB_E2E: mode } = process.env;
  if (mode === 'required') t.fail(reason);
  else t.pass(what, { skip: reason });
}

/** What this machine lacks for the lab; `undefined` where it lacks nothing. */
export function missingForLab(tools: readonly string[]): string | undefined {
  if (process.platform !== 'linux') return `network namespaces need Linux, not ${process.platform}`;
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const missing = tools.filter((tool) => !isOnPath(tool));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  return whyNoNamespaces();
}

/** Whether a program can be started by its name. */
export function isOnPath(tool: string): boolean {
  const { PATH: folders = '' } = process.env;
  return folders.split(':').some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Root in a container may still lack CAP_SYS_ADMIN. */
function whyNoNamespaces(): string | undefined {
  const name = `sidestub-${process.pid}-try`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) return `no network namespaces: ${made.stderr.trim()}`;
  spawnSync('ip', ['netns', 'del', name]);
  return undefined;
}

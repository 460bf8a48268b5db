import { join } from 'node:path';
import { t } from 'tap';
import { missingForLab } from '../support/lab-requirements.ts';
import { FILE_TIMEOUT, filesOf, runFolders } from './folder.ts';

// Where there is no lab, most tests of the folder are skipped. A process for each file would take ten times as long as
// its tests, and nothing else runs beside it.
if (missingForLab([]) === undefined) await runEachFile();
else await runFolders('e2e');

/** Runs each file in a process of its own, one at a time: they build namespaces and measure. */
async function runEachFile(): Promise<void> {
  t.setTimeout(0); // each file has its own limit
  for (const file of filesOf('e2e')) {
    const path = join(import.meta.dirname, '..', file);
    await t.spawn(
      process.execPath,
      [...process.execArgv, path],
      { timeout: FILE_TIMEOUT },
      `test/${file}`,
    );
  }
}

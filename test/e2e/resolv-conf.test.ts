// --publish-resolv-conf, and a resolv.conf that changes while the daemon runs.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { test } from 'tap';
import type { Daemon, LogEvent } from '../support/lab-daemon.ts';
import { CLUSTER_DNS } from '../support/lab-network.ts';
import { setupLab } from '../support/lab-story.ts';
import { replaceFile } from '../support/replace-file.ts';

const SEARCH = 'search job.svc.cluster.local svc.cluster.local cluster.local';
const LONG = Array.from({ length: 12 }, (_, i) => `suffix-${i}.of.a.long.list.example`).join(' ');
/** Files are looked at once a second. */
const BOUND = 20_000;

/** The n-th event of this name. */
async function event(daemon: Daemon, name: string, count = 1): Promise<LogEvent> {
  for (let waited = 0; waited < BOUND; waited += 20) {
    const found = daemon.log.filter((each) => each['event'] === name)[count - 1];
    if (found !== undefined) return found;
    await wait(20);
  }
  throw new Error(`no event ${name}: ${JSON.stringify(daemon.log)}`);
}

test('a published resolv.conf follows the one that it is made from', async (t) => {
  const lab = await setupLab(t);
  if (lab === undefined) return;
  const folder = t.testdir({ published: {} });
  const own = join(folder, 'resolv.conf');
  const published = join(folder, 'published', 'resolv.conf');
  writeFileSync(own, `nameserver ${CLUSTER_DNS}\n${SEARCH}\noptions ndots:5 edns0\n`);
  const settings = { publishResolvConf: published };
  const daemon = await lab.startDaemon({ resolvConf: own, settings });
  await daemon.untilReady();
  t.equal(
    readFileSync(published, 'utf8'),
    `# Written by sidestub.\nnameserver 127.0.0.1\n${SEARCH}\noptions ndots:5 edns0\n`,
  );

  replaceFile(
    own,
    `# four servers, a list that old libcs cut, options of every libc\n; more\ndomain old.example\n` +
      `nameserver ${CLUSTER_DNS}\nnameserver fe80::1%eth0\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n` +
      `${SEARCH} ${LONG}\noptions ndots:5 timeout:1 attempts:3 single-request-reopen trust-ad use-vc rotate no-aaaa\n`,
  );
  t.match(await event(daemon, 'reloaded'), { cause: own });
  await event(daemon, 'resolv_conf_published', 2);
  t.equal(
    readFileSync(published, 'utf8'),
    `# Written by sidestub.\nnameserver 127.0.0.1\n${SEARCH} ${LONG}\n` +
      'options ndots:5 timeout:1 attempts:3 single-request-reopen trust-ad use-vc rotate no-aaaa\n',
    'one nameserver, everything else kept',
  );
  t.same(readdirSync(join(folder, 'published')), ['resolv.conf'], 'nothing is left beside it');
  const notes = daemon.log.filter((each) => each['event'] === 'configuration');
  t.ok(notes.some(({ reason }) => /musl ignores the whole line/.test(String(reason))));
  t.ok(notes.some(({ reason }) => /libc never asks this one/.test(String(reason))));

  rmSync(own);
  t.match(await event(daemon, 'reload_refused'), { reasons: [/resolv\.conf: no such file/] });
  const found = await lab.lookup('glibc', 'git.example.com', { through: 'stub' });
  t.equal(found.error, '', 'it goes on with what it had');
  await daemon.stop();
});

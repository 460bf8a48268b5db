// What Istio's own rules do to DNS in a pod with sidestub: the table "DNS capture" of docs/other-runners.md.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { rulesFile } from '../kubernetes/mesh/rules.ts';
import type { Lab } from '../support/lab.ts';
import { CLUSTER_DNS } from '../support/lab-network.ts';
import { startWorker } from '../support/lab-process.ts';
import { LIBCS, questions, resolvesTo, setupLab, withDaemon } from '../support/lab-story.ts';

const NAME = 'only4.example.com';
const ADDRESSES = ['192.0.2.4'];

/** Applies the rules of one of Istio's pods. @returns Takes them away again. */
function redirect(lab: Lab, pod: Parameters<typeof rulesFile>[0]): () => void {
  const inPod = (words: string, input = '') =>
    execFileSync('ip', ['netns', 'exec', lab.network.pod, ...words.split(' ')], { input });
  inPod('iptables-restore --noflush', readFileSync(rulesFile(pod), 'utf8'));
  return () => {
    for (const table of ['nat', 'raw', 'mangle']) {
      inPod(`iptables -w -t ${table} -F`);
      inPod(`iptables -w -t ${table} -X`);
    }
  };
}

/** Runs a story in a pod as Istio redirects it, with its agent; that asks sidestub, or whom its resolv.conf names. */
async function inMesh(
  lab: Lab,
  pod: Parameters<typeof rulesFile>[0],
  story: (agent: { asked(): number }) => Promise<void>,
  nameserver = '127.0.0.1',
): Promise<void> {
  let asked = 0;
  const script = join(import.meta.dirname, '../support/istio-agent.ts');
  const agent = await startWorker(lab.network.pod, script, { nameserver }, () => {
    asked++;
  });
  try {
    await withDaemon(lab, {}, async () => {
      const mend = redirect(lab, pod);
      try {
        await story({ asked: () => asked });
      } finally {
        mend();
      }
    });
  } finally {
    await agent.stop();
  }
}

test("DNS in a pod of Istio's", async (t) => {
  const lab = await setupLab(t);
  if (lab === undefined) return;
  const sidestubAlone = (t: Test) => async (agent: { asked(): number }) => {
    for (const libc of LIBCS) {
      resolvesTo(t, await lab.lookup(libc, NAME, { through: 'stub' }), ADDRESSES);
    }
    t.equal(agent.asked(), 0);
    t.match(questions(await lab.asked()).join(), NAME);
  };

  await t.test('without capture: nobody but sidestub is asked', async (t) => {
    await inMesh(lab, 'istio-cni', sidestubAlone(t));
  });

  await t.test('captured by istio-init: the agent is asked, and asks sidestub', async (t) => {
    await inMesh(lab, 'istio-dns-init', async (agent) => {
      for (const libc of LIBCS) {
        resolvesTo(t, await lab.lookup(libc, NAME, { through: 'stub' }), ADDRESSES);
      }
      t.ok(agent.asked() > 0, `the agent was asked ${agent.asked()} questions`);
      t.match(questions(await lab.asked()).join(), NAME, 'sidestub asks the cluster');
    });
  });

  await t.test(
    'captured by the CNI plugin: a circle, which is why injection refuses',
    async (t) => {
      await inMesh(lab, 'istio-dns-capture', async (agent) => {
        const lookup = await lab.lookup('musl', NAME, { through: 'stub' });
        t.strictSame(lookup.addresses, [], lookup.error);
        t.ok(agent.asked() > 0, `the agent was asked ${agent.asked()} questions`);
        t.strictSame(questions(await lab.asked()), [], 'nothing reaches the cluster');
      });
    },
  );

  await t.test('captured by the CNI plugin, port 53 excluded: sidestub in its place', async (t) => {
    await inMesh(lab, 'istio-dns-excluded', sidestubAlone(t));
  });

  await t.test('captured by the CNI plugin, and sidestub from a manifest', async (t) => {
    const story = async (agent: { asked(): number }) => {
      for (const libc of LIBCS) {
        resolvesTo(t, await lab.lookup(libc, NAME, { through: 'stub' }), ADDRESSES);
      }
      t.ok(agent.asked() > 0, 'the agent, which starts first, asks the cluster');
    };
    await inMesh(lab, 'istio-dns-capture', story, CLUSTER_DNS);
    // istio-proxy as a container starts behind sidestub, whose hook holds it back.
    const mend = redirect(lab, 'istio-dns-capture');
    try {
      const daemon = await lab.startDaemon();
      await daemon.untilListening();
      const lookup = await lab.lookup('musl', NAME, { through: 'stub' });
      t.strictSame(lookup.addresses, [], lookup.error);
      t.notOk(await daemon.isReady(), 'without the agent it is not ready');
      await daemon.kill();
    } finally {
      mend();
    }
  });
});

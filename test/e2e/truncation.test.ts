// L4 with real libcs: musl 1.2.3 has no TCP and uses what fits into 512 octets; glibc asks again over TCP.
import { test } from 'tap';
import type { Host } from '../../src/demo/cluster-world.ts';
import { LIBCS, setupLab, storyWorld, withDaemon } from '../support/lab-story.ts';

const LABEL = 'x'.repeat(60);

/** So many addresses of one family. */
function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `192.0.2.${i + 1}`);
}

/** An alias of `links` names, each as long as a name may be, to `addresses`. */
function chain(name: string, links: number, addresses: readonly string[]): [string, Host][] {
  const names = Array.from({ length: links }, (_, i) => `${LABEL}.${LABEL}.${LABEL}.${i}.${name}`);
  const hosts = [name, ...names].map((owner, i): [string, Host] => {
    const cname = names[i];
    return [owner, cname === undefined ? { a: addresses } : { cname }];
  });
  return hosts;
}

const hosts = Object.fromEntries([
  ['many.example.com.', { a: many(60) }],
  ...chain('short.example.com.', 1, many(3)),
  ...chain('long.example.net.', 4, many(3)),
]);

test('answers that do not fit into 512 octets', async (t) => {
  const lab = await setupLab(t, storyWorld({ hosts }));
  if (lab === undefined) return;
  for (const libc of LIBCS) {
    await t.test(`${libc}: finds addresses by every chain`, async (t) => {
      await withDaemon(lab, {}, async () => {
        const lookup = async (name: string) => {
          const found = await lab.lookup(libc, name, { through: 'stub' });
          t.equal(found.error, '', name);
          t.ok(found.ms < 1_000, `${name}: no stall (${found.ms.toFixed(0)} ms)`);
          return found.addresses;
        };
        const all = await lookup('many.example.com');
        t.ok(all.every((address) => many(60).includes(address)));
        // 512 octets less header and question, 16 an address; musl has no TCP, glibc gets all of them.
        if (libc === 'musl') t.ok(all.length >= 28 && all.length < 60, `${all.length} addresses`);
        else t.equal(all.length, 60);
        t.same((await lookup('short.example.com')).toSorted(), many(3), 'the chain fits and stays');
        t.same(
          (await lookup('long.example.net')).toSorted(),
          many(3),
          'flattened where it does not',
        );
      });
    });
  }
});

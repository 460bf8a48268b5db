import { test } from 'tap';
import { hostsFirst, knownIn } from '../../src/walk/hosts-first.ts';
import type { Client, Walk } from '../../src/walk/walk.ts';

const HOSTS = `# Kubernetes-managed hosts file.
127.0.0.1\tlocalhost
fe00::0\tip6-localnet
10.244.1.7\tjob-1

# Entries added by HostAliases.
192.0.2.10\tGit.corp\tgit
2001:db8::10\tgit.corp
`;

test('L6: a name of the hosts file as it is written, in any case and of any family', (t) => {
  t.same(knownIn('git.corp', HOSTS), ['192.0.2.10', '2001:db8::10']);
  t.same(knownIn('GIT', HOSTS), ['192.0.2.10']);
  t.same(knownIn('ip6-localnet', HOSTS), ['fe00::'], 'one family is enough');
  t.end();
});

test('L6: no suffix, no dot at the end, no part of a name', (t) => {
  for (const name of ['git.corp.', 'corp', 'x.git.corp', 'example.com']) {
    t.equal(knownIn(name, HOSTS), undefined, name);
  }
  t.equal(knownIn('git.corp', ''), undefined);
  t.end();
});

test('an address needs no server', (t) => {
  t.same(knownIn('192.0.2.1', ''), ['192.0.2.1']);
  t.same(knownIn('2001:db8::1', ''), ['2001:db8::1']);
  t.end();
});

test('L6: a client looks at the file anew before each walk, and walks what is not in it', async (t) => {
  const walked: string[] = [];
  const denied: Walk = { outcome: 'not-found', addresses: [], steps: [], elapsed: 1 };
  const below: Client = {
    name: 'musl',
    walk: (name) => {
      walked.push(name);
      return Promise.resolve(denied);
    },
  };
  let hosts = '';
  const client = hostsFirst(below, (name) => knownIn(name, hosts));
  t.equal(await client.walk('git'), denied);
  hosts = HOSTS;
  t.match(await client.walk('git'), { outcome: 'found', addresses: ['192.0.2.10'], steps: [] });
  t.same(walked, ['git']);
});

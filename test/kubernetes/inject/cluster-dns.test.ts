import { test } from 'tap';
import { clusterDnsFrom } from '../../../src/kubernetes/inject/cluster-dns.ts';
import { parseClusterVersion } from '../../../src/kubernetes/inject/cluster-version.ts';

test('the cluster DNS is read from the resolv.conf of a pod, without its namespace', (t) => {
  const text = `# written by kubelet
search sidestub.svc.corp.local svc.corp.local corp.local eu.example example
nameserver 10.96.0.10
nameserver fd00::a
options ndots:5
`;
  t.strictSame(clusterDnsFrom(text), {
    nameservers: ['10.96.0.10', 'fd00::a'],
    zone: 'corp.local',
    hostSearches: ['eu.example', 'example'],
  });
  t.end();
});

test('a resolv.conf that is not of such a pod is an error', (t) => {
  const search = 'search a.svc.cluster.local svc.cluster.local cluster.local\n';
  t.throws(() => clusterDnsFrom('nameserver 10.0.0.1\nsearch example\n'), /no search domain/);
  t.throws(() => clusterDnsFrom(search), /no nameserver/);
  t.throws(() => clusterDnsFrom(`${search}nameserver 127.0.0.1\n`), /loopback/);
  t.end();
});

test('versions are read as the API server says them', (t) => {
  for (const text of ['1.31', 'v1.31.4', '1.31+', 'v1.31.4-eks-a1b2c3', ' 1.31\n']) {
    t.strictSame(parseClusterVersion(text), { major: 1, minor: 31 }, text);
  }
  for (const text of ['', '1', 'one.two', '1.31x'])
    t.equal(parseClusterVersion(text), undefined, text);
  t.end();
});

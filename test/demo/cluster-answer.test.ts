import { test } from 'tap';
import { bendAnswer } from '../../src/demo/cluster-answer.ts';
import { type Faults, noFaults } from '../../src/demo/cluster-faults.ts';
import { type World, worldOf } from '../../src/demo/cluster-world.ts';
import { RrType, rcodeName, typeName } from '../../src/wire/codes.ts';
import { negativeProof } from '../../src/wire/soa.ts';

const world = worldOf({
  namespaces: {
    job: {},
    web: {
      nginx: {
        addresses: ['10.96.1.1', 'fd00::11'],
        ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
      },
      db: { endpoints: { 'db-0': '10.244.1.7', 'db-1': '10.244.1.8' } },
      empty: {},
      legacy: { externalName: 'git.example.com.' },
    },
  },
  zones: ['corp.example.'],
  hosts: {
    'git.example.com.': { a: ['192.0.2.1'], aaaa: ['2001:db8::1'], txt: ['hello'] },
    'www.example.com.': { cname: 'git.example.com.' },
    'dangling.example.com.': { cname: 'gone.example.com.' },
    'registry.tools.corp.example.': { a: ['192.0.2.9'] },
  },
});

/** `RCODE owner type…`, and for negative answers the owner of the SOA and its MINIMUM. */
function says(
  name: string,
  type: keyof typeof RrType,
  faults: Partial<Faults> = {},
  where = world,
) {
  const question = { qname: name, qtype: RrType[type], qclass: 1 };
  const message = bendAnswer(where, question, { ...noFaults(), ...faults });
  if (message === undefined) return 'silence';
  const soa = negativeProof(message, name);
  const records = message.answer.map((rr) => typeName(rr.type)).join(' ');
  const negative = soa === undefined ? '' : `SOA ${soa.zone} ${soa.ttl}`;
  return [rcodeName(message.rcode), records, negative].filter((part) => part !== '').join(' ');
}

const IN_ZONE = 'SOA cluster.local. 5';

test('the cluster zone is what CoreDNS makes of it (clients: parse.go)', async (t) => {
  const nodata = `NOERROR ${IN_ZONE}`;
  const missing = `NXDOMAIN ${IN_ZONE}`;
  const rows: [string, keyof typeof RrType, string][] = [
    ['cluster.local.', 'A', nodata],
    ['cluster.local.', 'SOA', 'NOERROR SOA'],
    ['svc.cluster.local.', 'A', nodata],
    ['pod.cluster.local.', 'A', nodata],
    ['web.svc.cluster.local.', 'A', nodata],
    ['job.svc.cluster.local.', 'AAAA', nodata],
    ['none.svc.cluster.local.', 'A', missing],
    ['com.cluster.local.', 'A', missing],
    ['git.example.com.cluster.local.', 'A', missing],
    ['kubernetes.default.svc.cluster.local.', 'A', 'NOERROR A'],
    ['kubernetes.default.svc.cluster.local.', 'AAAA', nodata],
    ['nginx.web.svc.cluster.local.', 'AAAA', 'NOERROR AAAA'],
    ['nginx.web.svc.cluster.local.', 'TXT', nodata],
    ['nginx.none.svc.cluster.local.', 'A', missing],
    ['none.web.svc.cluster.local.', 'A', missing],
    ['deep.er.none.web.svc.cluster.local.', 'A', missing],
    ['db.web.svc.cluster.local.', 'A', 'NOERROR A A'],
    ['db-0.db.web.svc.cluster.local.', 'A', 'NOERROR A'],
    ['db-2.db.web.svc.cluster.local.', 'A', missing],
    ['empty.web.svc.cluster.local.', 'A', missing],
    ['_http._tcp.nginx.web.svc.cluster.local.', 'SRV', 'NOERROR SRV'],
    ['_http._udp.nginx.web.svc.cluster.local.', 'SRV', missing],
    ['x._http._tcp.nginx.web.svc.cluster.local.', 'SRV', missing],
    ['10-244-1-7.web.pod.cluster.local.', 'A', 'NOERROR A'],
    ['nonsense.web.pod.cluster.local.', 'A', missing],
    ['legacy.web.svc.cluster.local.', 'A', 'NOERROR CNAME A'],
    ['dns.cluster.local.', 'A', missing],
    ['ns.dns.cluster.local.', 'A', 'NOERROR A'],
    ['dns-version.cluster.local.', 'TXT', 'NOERROR TXT'],
    ['constructor.svc.cluster.local.', 'A', missing],
    ['constructor.web.svc.cluster.local.', 'A', missing],
  ];
  for (const [name, type, expected] of rows) t.equal(says(name, type), expected, `${name} ${type}`);
});

test('kube-dns denies svc.Z and a namespace, though names stand below (N2)', async (t) => {
  const kubeDns: World = { ...world, flavour: 'kube-dns' };
  const missing = `NXDOMAIN ${IN_ZONE}`;
  t.equal(says('svc.cluster.local.', 'A', {}, kubeDns), missing);
  t.equal(says('default.svc.cluster.local.', 'A', {}, kubeDns), missing);
  t.equal(says('kubernetes.default.svc.cluster.local.', 'A', {}, kubeDns), 'NOERROR A');
});

test('outside the zone a negative answer carries the SOA of its zone, TLD or the root', async (t) => {
  t.equal(says('git.example.com.', 'A'), 'NOERROR A');
  t.equal(says('git.example.com.', 'TXT'), 'NOERROR TXT');
  t.equal(says('www.example.com.', 'AAAA'), 'NOERROR CNAME AAAA');
  t.equal(says('example.com.', 'A'), 'NOERROR SOA com. 900', 'an empty non-terminal');
  t.equal(says('dangling.example.com.', 'A'), 'NXDOMAIN CNAME SOA com. 900', 'RFC 6604');
  t.equal(says('x.corp.example.', 'A'), 'NXDOMAIN SOA corp.example. 900');
  t.equal(says('registry.tools.corp.example.', 'A'), 'NOERROR A');
  t.equal(says('db.prod.', 'A'), 'NXDOMAIN SOA . 900');
});

test('a broken AAAA concerns names that have A, and only AAAA', async (t) => {
  t.equal(says('git.example.com.', 'AAAA', { aaaa: 'nxdomain' }), 'NXDOMAIN SOA com. 900');
  t.equal(says('git.example.com.', 'AAAA', { aaaa: 'servfail' }), 'SERVFAIL');
  t.equal(says('git.example.com.', 'AAAA', { aaaa: 'silent' }), 'silence');
  t.equal(says('git.example.com.', 'A', { aaaa: 'silent' }), 'NOERROR A');
  t.equal(says('none.example.com.', 'AAAA', { aaaa: 'silent' }), 'NXDOMAIN SOA com. 900');
});

test('a suffix answers missing names in its own way, by family', async (t) => {
  const suffix = 'corp.example.';
  const odd = { missing: [{ suffix, a: 'nodata' as const }] };
  t.equal(says('git.example.com.corp.example.', 'A', odd), 'NOERROR SOA corp.example. 900');
  t.equal(says('git.example.com.corp.example.', 'AAAA', odd), 'NXDOMAIN SOA corp.example. 900');
  t.equal(says('registry.tools.corp.example.', 'A', odd), 'NOERROR A', 'what exists stays');
  t.equal(says('git.example.com.', 'A', odd), 'NOERROR A', 'nothing else changes');
  const wildcard = { missing: [{ suffix, a: { address: '192.0.2.66' } }] };
  t.equal(says('any.corp.example.', 'A', wildcard), 'NOERROR A');
  t.equal(says('any.corp.example.', 'A', { missing: [{ suffix, a: 'servfail' }] }), 'SERVFAIL');
});

test('TTLs and SOA can be taken away', async (t) => {
  t.equal(says('none.svc.cluster.local.', 'A', { ttl: 0 }), 'NXDOMAIN SOA cluster.local. 0');
  t.equal(says('none.svc.cluster.local.', 'A', { soa: false }), 'NXDOMAIN');
});

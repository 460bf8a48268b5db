import { test } from 'tap';
import { billOfMaterials } from '../../docker/sbom.ts';

const debian = [
  { name: 'libstdc++6', version: '12.2.0-14+deb12u1', arch: 'amd64', control: 'Package: …' },
];
const npm = [
  {
    name: '@koromix/koffi-linux-x64',
    version: '3.3.4',
    folder: 'node_modules/@koromix/koffi-linux-x64',
    integrity: `sha512-${Buffer.alloc(64, 0xab).toString('base64')}`,
    license: 'MIT',
  },
];

test('a bill names each part by a package URL, with the digest that the lock file has', (t) => {
  const bill = billOfMaterials({ version: '0.1.0', npm, debian });
  t.match(bill, {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    metadata: { component: { name: 'sidestub', purl: 'pkg:npm/sidestub@0.1.0' } },
    components: [
      {
        purl: 'pkg:npm/%40koromix/koffi-linux-x64@3.3.4',
        licenses: [{ expression: 'MIT' }],
        hashes: [{ alg: 'SHA-512', content: 'ab'.repeat(64) }],
      },
      { purl: 'pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64' },
    ],
  });
  t.strictSame(bill, billOfMaterials({ version: '0.1.0', npm, debian }), 'the same each time');
  t.end();
});

test('everything depends on nothing that is not in the bill', (t) => {
  const { components, dependencies } = billOfMaterials({ version: '0.1.0', npm, debian }) as {
    components: { 'bom-ref': string }[];
    dependencies: { ref: string; dependsOn?: string[] }[];
  };
  const refs = components.map((each) => each['bom-ref']);
  t.equal(new Set(refs).size, 2);
  t.strictSame(dependencies[0]?.dependsOn, refs);
  t.end();
});

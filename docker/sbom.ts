import type { DebianPackage } from './debian-libraries.ts';
import type { NpmPackage } from './npm-packages.ts';

/** What an image is made of. */
export interface Ingredients {
  readonly version: string;
  readonly npm: readonly NpmPackage[];
  readonly debian: readonly DebianPackage[];
}

/**
 * The bill of materials of an image: the same ingredients give the same octets.
 *
 * @returns A CycloneDX 1.6 document.
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function billOfMaterials({ version, npm, debian }: Ingredients): object {
  const own = component('application', 'sidestub', version, `pkg:npm/sidestub@${version}`);
  const components = [...npm.map(npmComponent), ...debian.map(debianComponent)];
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { ...own, licenses: [{ license: { id: 'Apache-2.0' } }] } },
    components,
    dependencies: [
      { ref: own['bom-ref'], dependsOn: components.map((each) => each['bom-ref']) },
      ...components.map((each) => ({ ref: each['bom-ref'] })),
    ],
  };
}

function component(type: 'application' | 'library', name: string, version: string, purl: string) {
  return { type, 'bom-ref': purl, name, version, purl };
}

function npmComponent({ name, version, integrity, license }: NpmPackage) {
  const [algorithm, digest = ''] = integrity.split('-', 2);
  // A package URL writes the @ of a scope as %40.
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return {
    ...component(name.startsWith('node-linux-') ? 'application' : 'library', name, version, purl),
    // An SPDX expression, which one identifier is too.
    licenses: [{ expression: license }],
    ...(algorithm === 'sha512'
      ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }] }
      : {}),
  };
}

function debianComponent({ name, version, arch }: DebianPackage) {
  const escaped = [name, version].map(encodeURIComponent).join('@');
  return component('library', name, version, `pkg:deb/debian/${escaped}?arch=${arch}`);
}

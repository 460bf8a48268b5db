import { type World, worldOf } from '../../src/demo/cluster-world.ts';

/** As many as no node has. */
export const PODS = 1_000;

/** As many namespaces as pods, each with a service `api` of its own; some called like top-level domains. */
export function crowd(): { world: World; namespaces: string[] } {
  const tlds = ['dev', 'com', 'app', 'io', 'cloud', 'prod', 'ai', 'tools'];
  const namespaces = Array.from({ length: PODS }, (_, i) => tlds[i] ?? `team-${i}`);
  const services = namespaces.map((name, i) => [
    name,
    { api: { addresses: [`10.100.${i >> 8}.${i & 255}`, `fd00:100::${i.toString(16)}`] } },
  ]);
  const hosts = Object.fromEntries(
    Array.from({ length: 50 }, (_, i) => [
      `host-${i}.example.com.`,
      { a: [`192.0.2.${i}`], aaaa: [`2001:db8::${i.toString(16)}`] },
    ]),
  );
  return { world: worldOf({ namespaces: Object.fromEntries(services), hosts }), namespaces };
}

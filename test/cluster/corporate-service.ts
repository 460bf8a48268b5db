import { CORPORATE } from './corporate-dns.ts';

/** A service of the cluster behind which a port of the corporate network is. */
export function corporateService(name: string, namespace: string, port: number): object[] {
  const ports = [{ name: 'https', port, protocol: 'TCP' }];
  const labels = { 'kubernetes.io/service-name': name };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { ports } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace, labels },
      addressType: 'IPv4',
      endpoints: [{ addresses: [CORPORATE], conditions: { ready: true } }],
      ports,
    },
  ];
}

import { execFileSync, spawnSync } from 'node:child_process';
import { atEnd } from './lab-end.ts';

/** Where the lab's servers stand. */
export const CLUSTER_DNS = '10.96.0.10';
/** A recursive server outside the cluster (RFC 5737). */
export const PUBLIC_DNS = '198.51.100.53';

/** Network namespaces laid out as a node with pods. */
export interface LabNetwork {
  readonly pod: string;
  readonly node: string;
  /** Two DNS pods, and where each listens. */
  readonly dns: readonly { readonly namespace: string; readonly address: string }[];
  /** Where {@link PUBLIC_DNS} stands. */
  readonly outside: string;
  /** Runs a shell script in the node's namespace, and gives its output. */
  onNode(script: string): string;
  /** Gives a pod further addresses. */
  addAddresses(namespace: string, addresses: readonly string[]): void;
  destroy(): void;
}

let networks = 0;

/**
 * Makes a node, a job pod, two DNS pods and a public server, each in a namespace of its own.
 *
 * Each pod hangs on a link of its own and every packet is routed through the node, as with most network plugins: on a
 * bridge the answers of the DNS pods would go around conntrack.
 *
 * @throws {Error} With what `ip` or `iptables` said; what was made until then is gone again.
 */
export function makeNetwork(): LabNetwork {
  const prefix = `sidestub-${process.pid}-${++networks}`;
  const names = ['node', 'pod', 'dns1', 'dns2', 'outside'].map((role) => `${prefix}-${role}`);
  const [node = '', pod = '', dns1 = '', dns2 = '', outside = ''] = names;
  const remove = () => {
    for (const name of names) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  };
  const forget = atEnd(remove);
  const destroy = () => {
    remove();
    forget();
  };
  try {
    shell(layout(node, [pod, dns1, dns2, outside]));
    const forward = 'echo 1 > /proc/sys/net/ipv4/ip_forward';
    shell(
      `ip netns exec ${node} sh -ec '${forward}\n${serviceRules(['10.244.2.2', '10.244.3.2'])}'`,
    );
  } catch (error) {
    destroy();
    throw error;
  }
  return {
    pod,
    node,
    dns: [
      { namespace: dns1, address: '10.244.2.2' },
      { namespace: dns2, address: '10.244.3.2' },
    ],
    outside,
    onNode: (script) => shell(`ip netns exec ${node} sh -ec '${script}'`),
    addAddresses: (namespace, addresses) =>
      void shell(
        addresses.map((one) => `ip -n ${namespace} addr add ${one}/24 dev eth0`).join('\n'),
      ),
    destroy,
  };
}

function layout(node: string, pods: readonly string[]): string {
  const links = pods.flatMap((pod, index) => {
    const net = `10.244.${index + 1}`;
    return [
      `ip netns add ${pod}`,
      `ip -n ${pod} link set lo up`,
      `ip -n ${node} link add pod${index + 1} type veth peer name eth0 netns ${pod}`,
      `ip -n ${node} addr add ${net}.1/24 dev pod${index + 1}`,
      `ip -n ${node} link set pod${index + 1} up`,
      `ip -n ${pod} addr add ${net}.2/24 dev eth0`,
      `ip -n ${pod} link set eth0 up`,
      `ip -n ${pod} route add default via ${net}.1`,
    ];
  });
  const outside = pods.length;
  return [
    `ip netns add ${node}`,
    `ip -n ${node} link set lo up`,
    ...links,
    `ip -n ${pods[outside - 1]} addr add ${PUBLIC_DNS}/32 dev eth0`,
    `ip -n ${node} route add ${PUBLIC_DNS} via 10.244.${outside}.2`,
  ].join('\n');
}

/**
 * The DNAT that kube-proxy writes for a service, in place of what was there: each new conntrack entry draws an endpoint.
 * As kube-proxy does it, all rules change in one moment.
 */
export function serviceRules(endpoints: readonly string[]): string {
  const rules = ['udp', 'tcp'].flatMap((protocol) => {
    const match = `-A PREROUTING -d ${CLUSTER_DNS}/32 -p ${protocol} -m ${protocol} --dport 53`;
    return endpoints.map((endpoint, i) => {
      const left = endpoints.length - i;
      const share = (1 / left).toFixed(10);
      const draw = left === 1 ? '' : `-m statistic --mode random --probability ${share} `;
      return `${match} ${draw}-j DNAT --to-destination ${endpoint}:53`;
    });
  });
  const table = ['*nat', '-F PREROUTING', ...rules, 'COMMIT'];
  return ['iptables-restore -w --noflush <<TABLE', ...table, 'TABLE', ''].join('\n');
}

function shell(script: string): string {
  return execFileSync('sh', ['-ec', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

import type { Sources } from '../../src/config/load.ts';
import { yamlLayer } from '../../src/config/yaml-file.ts';

/** The file name under which {@link sources} has its configuration file. */
export const FILE = 'sidestub.yaml';

/** A pod's resolv.conf. */
export const POD_RESOLV_CONF = `nameserver 10.96.0.10
search ci.svc.cluster.local svc.cluster.local cluster.local corp.example
options ndots:5
`;

/** Sources of settings that touch nothing of this machine. */
export function sources(
  written: {
    readonly yaml?: string;
    readonly resolvConf?: string | undefined;
    readonly files?: Readonly<Record<string, string>>;
  } & Partial<Sources> = {},
): Sources {
  const { yaml, files, flags, ...rest } = written;
  const resolvConf = 'resolvConf' in written ? written.resolvConf : POD_RESOLV_CONF;
  const all = new Map(Object.entries(files ?? {}));
  if (resolvConf !== undefined) all.set('/etc/resolv.conf', resolvConf);
  if (yaml !== undefined) all.set(FILE, yaml);
  return {
    env: {},
    yamlLayer,
    machine: ['127.0.0.1', '::1', '10.1.2.3'],
    readFile: (path) => {
      const text = all.get(path);
      if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
      return text;
    },
    ...rest,
    flags: yaml === undefined ? { ...flags } : { config: FILE, ...flags },
  };
}

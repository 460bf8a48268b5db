import type { Settings } from '../../config/settings.ts';

/** Settings that only a restart can change, by their path in the configuration file. */
const fixed: Readonly<Record<string, (settings: Settings) => unknown>> = {
  'listen.io': ({ listen }) => listen.io,
  threads: ({ threads }) => threads,
  tcp: ({ tcp }) => tcp,
  resolvConf: ({ resolvConf }) => resolvConf,
  hosts: ({ hosts }) => hosts,
  publishResolvConf: ({ publishResolvConf }) => publishResolvConf,
  ready: ({ ready }) => ready,
  status: ({ status }) => status,
  'log.format': ({ log }) => log.format,
  queryLog: ({ queryLog }) => queryLog,
};

/** The settings that differ and that a reload leaves as they were: only a restart applies them. */
export function settingsForRestart(before: Settings, after: Settings): string[] {
  return Object.entries(fixed)
    .filter(([, read]) => JSON.stringify(read(before)) !== JSON.stringify(read(after)))
    .map(([name]) => name);
}

/** Whether the setting with this key needs a restart. */
export function isFixed(key: string): boolean {
  return Object.keys(fixed).some((name) => key === name || key.startsWith(`${name}.`));
}

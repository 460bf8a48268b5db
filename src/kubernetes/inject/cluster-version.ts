/** The version of a Kubernetes API server. */
export interface ClusterVersion {
  readonly major: number;
  readonly minor: number;
}

/** Native sidecars are on by default from 1.29 (KEP-753); before, a sidecar would keep a Job from ending. */
const OLDEST: ClusterVersion = { major: 1, minor: 29 };

/** Parses `1.33`, `v1.33.2`, `1.29+` or `v1.31.4-eks-a1b2`; `undefined` for anything else. */
export function parseClusterVersion(text: string): ClusterVersion | undefined {
  const match = /^v?(\d{1,3})\.(\d{1,3})(?:[.+-].*)?$/.exec(text.trim());
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

/** Whether the cluster runs native sidecars. */
export function hasNativeSidecars({ major, minor }: ClusterVersion): boolean {
  return major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor);
}

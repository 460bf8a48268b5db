/** A seccomp profile as runtimes of containers and Kubernetes (`Localhost`) read it. @see OCI runtime-spec, config-linux */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
  }[];
}

/** EPERM, as the runtimes' own profiles answer: a program goes on without what it was not allowed. */
const EPERM = 1;

/** What no trace of a test shows for sure, and whoever runs it cannot do without. */
const BESIDE_THE_TRACE = [
  // The kernel itself: the end of a signal's handler, and what goes on after a stop.
  'rt_sigreturn',
  'restart_syscall',
  // The runtime, between the filter and the program's first instruction, and where it opens the program.
  'execve',
  'fstatfs',
  'getdents64',
  // V8 and glibc under pressure: memory given back or moved, a lock that is contended, an abort.
  'madvise',
  'mremap',
  'sched_yield',
  'tgkill',
  'exit',
  // A clock that the vDSO cannot read, on some virtual machines.
  'clock_gettime',
  'clock_getres',
  'gettimeofday',
  // What libuv does by io_uring where it may, as in the trace, and by these where it may not.
  'epoll_ctl',
  'epoll_pwait',
  // The image's other commands: `sidestub health` connects, `--publish-resolv-conf` makes a file and renames it.
  'connect',
  'fchmod',
  'rename',
  'unlink',
  'fsync',
];

/** libuv goes on with epoll where it is refused, as the runtimes' own profiles do: too much of the kernel for too little. */
const REFUSED_ALL_THE_SAME = /^io_uring_/;

/** arm64 never had the older form of these; there glibc and libuv make the newer call. */
const ON_ARM64: ReadonlyMap<string, readonly string[]> = new Map([
  ['access', ['faccessat']],
  ['arch_prctl', []],
  ['dup2', ['dup3']],
  ['epoll_wait', ['epoll_pwait']],
  ['mkdir', ['mkdirat']],
  ['open', ['openat']],
  ['pipe', ['pipe2']],
  ['poll', ['ppoll']],
  ['readlink', ['readlinkat']],
  ['rename', ['renameat']],
  ['stat', ['newfstatat']],
  ['unlink', ['unlinkat']],
]);

/**
 * The profile that lets through what was traced, what no trace shows, and the same on arm64.
 *
 * @param traced - Names of system calls on x86-64.
 */
export function seccompProfile(traced: Iterable<string>): SeccompProfile {
  const needed = [...traced].filter((each) => !REFUSED_ALL_THE_SAME.test(each));
  const allowed = new Set([...needed, ...BESIDE_THE_TRACE]);
  for (const each of [...allowed]) {
    for (const newer of ON_ARM64.get(each) ?? []) allowed.add(newer);
  }
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
    syscalls: [{ names: [...allowed].sort(), action: 'SCMP_ACT_ALLOW' }],
  };
}

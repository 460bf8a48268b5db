import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'tap';
import { seccompProfile } from '../../docker/seccomp-profile.ts';
import { tracedCalls } from '../../docker/syscall-trace.ts';

const RUN = '"/app/dist/cli.js", "run", "--config", "a.yaml"';

test('a trace tells what sidestub itself has called, and none of who started it', async (t) => {
  const lines = [
    '10 openat(AT_FDCWD, "/etc/passwd", O_RDONLY) = 3',
    '10 clone3({flags=CLONE_VM|CLONE_VFORK}, 88) = 11',
    '11 ptrace(PTRACE_TRACEME) = 0',
    `11 execve("/usr/bin/env", ["env", "-u", "NODE_OPTIONS", "node", ${RUN}], 0x1 /* 9 vars */) = 0`,
    `11 execve("/usr/bin/node", ["node", ${RUN}], 0x1 /* 9 vars */) = 0`,
    '11 clone3({flags=CLONE_VM|CLONE_THREAD} <unfinished ...>',
    '12 rseq(0x7f, 0x20, 0, 0x53053053) = 0',
    '11 <... clone3 resumed> => {parent_tid=[12]}, 88) = 12',
    '12 futex(0x7f, FUTEX_WAIT_PRIVATE, 2, NULL <unfinished ...>',
    '12 <... futex resumed>) = 0',
    '12 +++ exited with 0 +++',
    '11 --- SIGTERM {si_signo=SIGTERM} ---',
    '10 mount("a", "b", "c", 0, NULL) = 0',
    '13 execve("/usr/bin/node", ["node", "/app/dist/cli.js", "query", "run"], 0x1) = 0',
    '13 chroot("/") = 0',
  ];
  t.strictSame([...tracedCalls(lines)].sort(), ['clone3', 'execve', 'futex', 'rseq']);
});

test('a profile answers EPERM to all but what was traced and what no trace shows', async (t) => {
  const { defaultAction, defaultErrnoRet, syscalls } = seccompProfile([
    'epoll_wait',
    'io_uring_setup',
  ]);
  t.equal(defaultAction, 'SCMP_ACT_ERRNO');
  t.equal(defaultErrnoRet, 1);
  const names = syscalls.flatMap((each) => each.names);
  t.ok(names.includes('epoll_wait') && names.includes('epoll_pwait'), 'on arm64 as well');
  t.ok(names.includes('rt_sigreturn'));
  t.notOk(names.includes('io_uring_setup'));
});

test('the profile that ships allows what it is made of, once, and nothing that leads out of a container', async (t) => {
  const shipped = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../docker/seccomp.json'), 'utf8'),
  );
  const [{ names }] = shipped.syscalls;
  t.strictSame(shipped, seccompProfile(names), 'as `npm run seccomp` writes it');
  t.ok(names.length > 60 && names.length < 130, `${names.length} system calls`);
  for (const name of ['recvmmsg', 'sendmmsg', 'socket', 'clone3']) t.ok(names.includes(name), name);
  for (const name of ['ptrace', 'mount', 'unshare', 'setns', 'bpf', 'keyctl', 'chroot', 'reboot'])
    t.notOk(names.includes(name), name);
});

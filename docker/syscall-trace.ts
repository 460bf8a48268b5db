/** What strace writes with `-f`: one line a call, with the ID of its thread in front. */
const CALL = /^(\d+) +(\w+)\(/;
const EXECVE = /^(\d+) +execve\("[^"]*", \[(.*?)\]/;
/** A thread of a process, or a process of it: also where the call was interrupted by another thread's line. */
const CLONE = /^(\d+) +(?:clone3?\(|<\.\.\. clone3? resumed>).*= (\d+)$/;

/**
 * The system calls that sidestub's own processes make, from the moment they are sidestub on.
 *
 * @param lines - What `strace -f -qq` wrote, in its order; lines of other processes are passed over.
 */
export function tracedCalls(lines: Iterable<string>): Set<string> {
  const trace = new Trace();
  for (const line of lines) trace.read(line);
  return trace.calls;
}

class Trace {
  readonly calls = new Set<string>();
  private readonly ours = new Set<string>();
  /** A thread may speak before the line that says whose it is. */
  private readonly early = new Map<string, Set<string>>();

  read(line: string): void {
    this.noteProgram(line);
    const [, thread, call] = CALL.exec(line) ?? [];
    if (thread !== undefined && call !== undefined) this.noteCall(thread, call);
    const [, parent, child] = CLONE.exec(line) ?? [];
    if (parent !== undefined && child !== undefined && this.ours.has(parent)) this.adopt(child);
  }

  /** `node … cli.ts run …` is the daemon. */
  private noteProgram(line: string): void {
    const [, thread, argv] = EXECVE.exec(line) ?? [];
    if (thread === undefined || argv === undefined) return;
    this.early.delete(thread);
    if (/\/cli\.[jt]s", "run"/.test(argv)) this.ours.add(thread);
    else this.ours.delete(thread);
  }

  private noteCall(thread: string, call: string): void {
    if (this.ours.has(thread)) this.calls.add(call);
    else this.early.set(thread, (this.early.get(thread) ?? new Set()).add(call));
  }

  private adopt(thread: string): void {
    this.ours.add(thread);
    for (const call of this.early.get(thread) ?? []) this.calls.add(call);
  }
}

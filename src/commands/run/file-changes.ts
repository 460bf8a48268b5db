import type { Clock, Milliseconds, Timer } from '../../clock.ts';

/**
 * How often files are looked at. By a timer and not by inotify: kubelet replaces a symbolic link two folders above a
 * ConfigMap's file, which a watch on the file does not see.
 */
const EVERY: Milliseconds = 1_000;

/** What tells two versions of a file apart; `undefined` where there is none. */
type Version = { readonly mtimeMs: number; readonly ino: number } | undefined;

export interface FileChangesOptions {
  readonly clock: Clock;
  readonly paths: readonly string[];
  /** The wall clock's time before any of the files was read, in ms. */
  readonly since: number;
  readonly onChange: (path: string) => void;
}

/**
 * Tells when files change, appear or disappear.
 *
 * `watchFile` of `node:fs` takes a file for unchanged as it first sees it, some time after it was read: what had been
 * written between would never be noticed.
 */
export class FileChanges {
  private readonly options: FileChangesOptions;
  private readonly seen = new Map<string, Version>();
  private timer: Timer | undefined;
  private isStopped = false;

  constructor(options: FileChangesOptions) {
    this.options = options;
  }

  /** Looks at the files once a second. */
  start(): void {
    this.timer?.cancel();
    this.timer = this.options.clock.after(EVERY, () => void this.look());
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  /** Looks at the files once, and then again a second later. */
  async look(): Promise<void> {
    for (const path of this.options.paths) await this.lookAt(path);
    if (!this.isStopped) this.start();
  }

  private async lookAt(path: string): Promise<void> {
    const { since, onChange } = this.options;
    // Loaded at the first look, a second after the start: it takes 2 ms.
    const { stat } = await import('node:fs/promises');
    const now = await stat(path).catch(() => undefined);
    if (this.isStopped) return;
    const before = this.seen.get(path);
    const isChanged = this.seen.has(path)
      ? now?.mtimeMs !== before?.mtimeMs || now?.ino !== before?.ino
      : now !== undefined && now.ctimeMs > since;
    this.seen.set(path, now);
    if (isChanged) onChange(path);
  }
}

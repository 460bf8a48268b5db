import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { command } from './command.ts';
import { goProgramPath } from './go-program.ts';
import { CLONE } from './programs.ts';

/** What `git clone` of an HTTPS address runs: git itself, and its transport. */
const GIT = '/usr/bin/git';
const TRANSPORT = '/usr/lib/git-core/git-remote-http';

/** Puts Debian's git into an image with glibc: for clones over HTTPS, with the libraries that it loads. */
export async function copyGit(root: string): Promise<void> {
  mkdirSync(join(root, 'usr/lib/git-core'), { recursive: true });
  for (const file of [GIT, TRANSPORT]) copyFileSync(file, join(root, file));
  symlinkSync('git-remote-http', join(root, `${TRANSPORT}s`));
  const { stdout } = await command(['ldd', GIT, TRANSPORT]);
  for (const [, library = ''] of stdout.matchAll(/ => (\/\S+)/g)) {
    const copy = join(root, 'lib', basename(library));
    if (!existsSync(copy)) copyFileSync(library, copy);
  }
}

/** Puts a clone by go-git into an image with musl, as `git clone` there. */
export function copyClone(root: string): void {
  copyFileSync(goProgramPath(CLONE), join(root, 'usr/bin/clone'));
}

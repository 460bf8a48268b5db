/** Why a file could not be read, in the words of `node:fs` without its path: that is the place of the problem. */
export function fileFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'is a directory';
  return `cannot be read: ${error instanceof Error ? error.message : error}`;
}

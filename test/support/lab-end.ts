/** In the order they were registered; run backwards, as they were built up. */
const cleanups = new Set<() => void>();

/** What tap (SIGALRM), a terminal and a CI job send when they give up. */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGALRM', 'SIGTERM', 'SIGINT', 'SIGHUP'];

/**
 * Has `cleanup` run when this process ends, also by a signal: a test that is cut off leaves no namespace, process or file.
 *
 * @param cleanup - Synchronous; it may find its work done.
 * @returns Takes it back, for what has ended in good order.
 */
export function atEnd(cleanup: () => void): () => void {
  if (cleanups.size === 0) listen();
  cleanups.add(cleanup);
  return () => {
    cleanups.delete(cleanup);
    if (cleanups.size === 0) unlisten();
  };
}

function listen(): void {
  process.on('exit', cleanUp);
  for (const signal of SIGNALS) process.on(signal, endBy);
}

function unlisten(): void {
  process.off('exit', cleanUp);
  for (const signal of SIGNALS) process.off(signal, endBy);
}

function cleanUp(): void {
  const due = [...cleanups].reverse();
  cleanups.clear();
  for (const cleanup of due) cleanup();
}

function endBy(signal: NodeJS.Signals): void {
  cleanUp();
  unlisten();
  // Without our listener it does what it would have done.
  process.kill(process.pid, signal);
}

/**
 * The candidate that was most likely meant by a mistyped word; `undefined` where none is near.
 *
 * Near is one slip in three letters: `maxConections` is, `cache` for `tcp` is not.
 */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = word.toLowerCase().slice(0, MAX_WORD);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` (did you mean X?)`, or nothing: to stand behind the word that is unknown. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const meant = closest(word, candidates);
  return meant === undefined ? '' : ` (did you mean ${meant}?)`;
}

/** The work grows with the square of a word's length, and a file may hold any word; none of ours is longer. */
const MAX_WORD = 64;

/** How many letters have to be put in, left out, replaced or swapped with the next (Damerau, Levenshtein). */
function editDistance(a: string, b: string): number {
  let twoAbove: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const shorter = 1 + Math.min(above[column] ?? 0, current[column - 1] ?? 0);
      const swaps = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swapped = swaps ? 1 + (twoAbove[column - 2] ?? row) : Number.POSITIVE_INFINITY;
      current.push(Math.min(replaced, shorter, swapped));
    }
    twoAbove = above;
    above = current;
  }
  return above[b.length] ?? 0;
}

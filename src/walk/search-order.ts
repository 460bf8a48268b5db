import { fitsWire, joinNames, type Name, parseName } from '../wire/name.ts';
import type { ResolverFacts } from './walk.ts';

/** A name to ask for, with the element of the search list that it was made with; without one for the name as it is. */
export interface Candidate {
  readonly name: Name;
  readonly suffix?: Name;
}

/** How a library's order of candidates differs from that of the others. */
export interface OrderRules {
  /**
   * How a name with `ndots` dots or more is asked: only as it is (M2), or first as it is and then with the list (G5).
   */
  readonly enoughDots: 'as-is-only' | 'as-is-first';
  /** Whether the root in the search list adds no name and ends the lookup, as in musl before 1.2.4 (M7). */
  readonly rootEnds?: boolean;
}

/** musl and glibc read no larger number (M1, G5). */
const MAX_NDOTS = 15;

/**
 * The names that a lookup of `text` asks for, in order; a library may stop at any of them.
 *
 * A name that would be too long for the wire is left out. So is the root in the search list: `search .` gives the name
 * as it is, which is asked anyway.
 *
 * @throws {WireError} If `text` is not a name.
 */
export function searchOrder(
  text: string,
  { search, ndots }: ResolverFacts,
  { enoughDots, rootEnds = false }: OrderRules,
): Candidate[] {
  const asIs = { name: parseName(text) };
  // A final dot means that the name is absolute (M2, G5).
  if (text.endsWith('.')) return [asIs];
  const enough = countDots(text) >= Math.min(ndots, MAX_NDOTS);
  if (enough && enoughDots === 'as-is-only') return [asIs];
  const root = search.indexOf('.');
  const endsEarly = rootEnds && root !== -1;
  const expansions = (endsEarly ? search.slice(0, root) : search)
    .filter((suffix) => suffix !== '.')
    .map((suffix) => ({ name: joinNames(asIs.name, suffix), suffix }))
    .filter(({ name }) => fitsWire(name));
  if (endsEarly) return expansions;
  return enough ? [asIs, ...expansions] : [...expansions, asIs];
}

/** Dots as the libraries count them: characters, escaped or not. */
function countDots(text: string): number {
  return text.split('.').length - 1;
}

import { isAtOrBelow, labelsOf, lastLabel, type Name } from '../wire/name.ts';
import { isIanaTld } from './iana-tlds.ts';
import type { Expansion } from './stage.ts';

/** Settings by which the operator denies expansions. */
export interface DeniedByUs {
  /** Names whose expansions do not exist (N6). */
  readonly pin: readonly Name[];
  readonly mode: 'prove' | 'assume' | 'off';
  /** Suffixes and bases whose expansions are not assumed to be absent (N5). */
  readonly keep: readonly Name[];
}

/**
 * Which expansions the configuration denies: those of pinned names (N6) and, in `assume`, those of names that look
 * public, which have a dot and end in a top-level domain (N5).
 */
export function deniedByConfiguration({
  pin,
  mode,
  keep,
}: DeniedByUs): (expansion: Expansion) => boolean {
  const pins = new Set(pin);
  const keptSuffixes = new Set(keep);
  const isKept = ({ base, suffix }: Expansion): boolean =>
    keptSuffixes.has(suffix) || keep.some((name) => isAtOrBelow(base, name));
  return (expansion) =>
    pins.has(expansion.base) ||
    (mode === 'assume' && looksPublic(expansion.base) && !isKept(expansion));
}

function looksPublic(base: Name): boolean {
  return labelsOf(base).length > 1 && isIanaTld(lastLabel(base));
}

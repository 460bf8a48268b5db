import {
  fitsWire,
  isAtOrBelow,
  joinNames,
  labelsOf,
  lastLabel,
  type Name,
  relativeTo,
} from '../wire/name.ts';
import { isIanaTld } from './iana-tlds.ts';
import type { Expansion } from './stage.ts';

/** What a client's search list does to names, as far as the daemon knows it (N1). */
export class SearchList {
  /** In the client's order. */
  readonly suffixes: readonly Name[];
  /** The cluster zone Z; absent where no suffix names one. */
  readonly zone: Name | undefined;
  /** Zones with an upstream of their own: a base in one of them is meant as it is (N4). */
  private readonly routedZones: readonly Name[];
  private readonly longestFirst: readonly Name[];

  constructor(options: {
    readonly suffixes: readonly Name[];
    readonly zone: Name | undefined;
    readonly routedZones: readonly Name[];
  }) {
    this.suffixes = options.suffixes.filter((suffix) => suffix !== '.');
    this.zone = options.zone;
    this.routedZones = options.routedZones.filter((zone) => zone !== '.');
    this.longestFirst = this.suffixes.toSorted((a, b) => b.length - a.length);
  }

  /** QNAME as base + suffix, by the longest suffix that it lies below; `undefined` where it lies below none. */
  expansionOf(qname: Name): Expansion | undefined {
    for (const suffix of this.longestFirst) {
      if (qname.length > suffix.length && isAtOrBelow(qname, suffix)) {
        return { base: relativeTo(qname, suffix), suffix, inZone: this.inZone(suffix) };
      }
    }
    return undefined;
  }

  /** What a client asks for `base` under every suffix but one, where the name fits the wire. */
  otherExpansions(of: Expansion): (Expansion & { readonly qname: Name })[] {
    return this.suffixes
      .filter((suffix) => suffix !== of.suffix)
      .map((suffix) => ({
        base: of.base,
        suffix,
        inZone: this.inZone(suffix),
        qname: joinNames(of.base, suffix),
      }))
      .filter(({ qname }) => fitsWire(qname));
  }

  /** Whether a base is one that the client most likely means as it stands, so that it is asked early (N4). */
  meantAsIs(base: Name): boolean {
    if (labelsOf(base).length < 2) return false;
    if (isIanaTld(lastLabel(base))) return true;
    return (
      this.inZone(base) ||
      [...this.routedZones, ...this.suffixes].some((zone) => isAtOrBelow(base, zone))
    );
  }

  inZone(name: Name): boolean {
    return this.zone !== undefined && isAtOrBelow(name, this.zone);
  }
}

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
      if (isBelow(qname, suffix)) {
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

  /** Whether QNAME may be the step of a walk that comes before one of {@link precedingSteps}' (N7). */
  mayPrecede(qname: Name): boolean {
    return this.suffixes.slice(0, -1).some((suffix) => isBelow(qname, suffix));
  }

  /**
   * What a client that came to QNAME by its search list has asked just before, for names whose NODATA ends no walk: those
   * below a suffix outside the zone, and the node of a namespace, `x.svc.Z` (N7).
   */
  precedingSteps(qname: Name): Name[] {
    const steps: Name[] = [];
    for (const [index, suffix] of this.suffixes.entries()) {
      const before = this.suffixes[index - 1];
      if (before === undefined || !isBelow(qname, suffix)) continue;
      if (this.inZone(suffix) && !this.isNamespaceNode(qname)) continue;
      const step = joinNames(relativeTo(qname, suffix), before);
      if (fitsWire(step)) steps.push(step);
    }
    return steps;
  }

  private isNamespaceNode(qname: Name): boolean {
    if (this.zone === undefined) return false;
    return qname.slice(qname.indexOf('.') + 1) === joinNames('svc.', this.zone);
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

function isBelow(qname: Name, suffix: Name): boolean {
  return qname.length > suffix.length && isAtOrBelow(qname, suffix);
}

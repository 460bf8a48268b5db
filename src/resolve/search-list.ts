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

/**
 * Splits names into base and search suffix, by the search lists that the daemon knows (N1).
 *
 * It knows one list, that of its own pod or configuration. For clients in other namespaces it relies on what kubelet
 * writes: `NS.svc.Z svc.Z Z`, then the node's suffixes. So the suffix of a name below Z shows which list made it, and
 * one daemon serves pods of all namespaces.
 */
export class SearchList {
  /** The suffixes that the daemon knows, in the client's order. */
  readonly suffixes: readonly Name[];
  /** The cluster zone Z; absent where no suffix names one. */
  readonly zone: Name | undefined;
  /** Zones with an upstream of their own: a base in one of them is meant as it is (N4). */
  private readonly routedZones: readonly Name[];
  private readonly longestFirst: readonly Name[];
  /** Whether a label is known to be a namespace of the zone. */
  readonly isNamespace: (label: string) => boolean;
  /** `svc.Z` and Z: every pod's list ends in them, before what the node adds. */
  private readonly zoneSuffixes: readonly Name[];

  /** @param options.isNamespace - Whether a label is known to be a namespace: `dev.svc.Z` may be one, and a TLD too. */
  constructor(options: {
    readonly suffixes: readonly Name[];
    readonly zone: Name | undefined;
    readonly routedZones: readonly Name[];
    readonly isNamespace?: (label: string) => boolean;
  }) {
    const { zone } = options;
    this.suffixes = options.suffixes.filter((suffix) => suffix !== '.');
    this.zone = zone;
    this.zoneSuffixes = zone === undefined ? [] : [joinNames('svc.', zone), zone];
    this.routedZones = options.routedZones.filter((each) => each !== '.');
    this.longestFirst = [...new Set([...this.suffixes, ...this.zoneSuffixes])].sort(
      (a, b) => b.length - a.length,
    );
    this.isNamespace = options.isNamespace ?? (() => false);
  }

  /** QNAME as base + suffix, as it is most likely meant; `undefined` where it lies below no suffix. */
  expansionOf(qname: Name): Expansion | undefined {
    return this.readingsOf(qname)[0];
  }

  /**
   * The plausible ways to split QNAME into base + suffix, the likeliest first: by the longest known suffix, and by the
   * namespace that it lies in. `git.example.com.dev.svc.Z` is `git.example.com`, asked by a pod of the namespace `dev`,
   * if there is one, and else `git.example.com.dev`.
   */
  readingsOf(qname: Name): Expansion[] {
    const suffix = this.longestFirst.find((each) => isBelow(qname, each));
    if (suffix === undefined) return [];
    const known = this.read(qname, suffix);
    const [svc] = this.zoneSuffixes;
    if (suffix !== svc) return [known];
    const [namespace = '', ...before] = labelsOf(known.base).reverse();
    // `a.ns.svc.Z` is a service with its full name, or the second step for `a.ns`: its probe asks about `ns` (N3).
    if (before.length < 2) return [known];
    const inNamespace = this.read(qname, joinNames(`${namespace}.`, svc));
    if (this.isNamespace(namespace)) return [inNamespace, known];
    return this.isFqdnLike(known.base) ? [known] : [inNamespace, known];
  }

  /** Whether an expansion has the form of a service's name: `service.namespace.svc.Z`. */
  isServiceName({ base, suffix }: Expansion): boolean {
    const [svc] = this.zoneSuffixes;
    if (svc === undefined || (suffix !== svc && !isBelow(suffix, svc))) return false;
    return labelsOf(base).length + labelsOf(suffix).length === labelsOf(svc).length + 2;
  }

  /** The same base under each other suffix of its list, except names that are too long for the wire. */
  otherExpansions(of: Expansion): (Expansion & { readonly qname: Name })[] {
    return this.listOf(of)
      .filter((suffix) => suffix !== of.suffix)
      .map((suffix) => ({
        base: of.base,
        suffix,
        inZone: this.inZone(suffix),
        qname: joinNames(of.base, suffix),
      }))
      .filter(({ qname }) => fitsWire(qname));
  }

  /** The names that a client asks for after this expansion: the base under the later suffixes, then the base itself. */
  laterSteps(of: Expansion): Name[] {
    const list = this.listOf(of);
    const behind = list
      .slice(list.indexOf(of.suffix) + 1)
      .map((suffix) => joinNames(of.base, suffix));
    return [...behind.filter(fitsWire), of.base];
  }

  /** Whether an expansion is the first step of its client's walk. */
  isFirstStep(of: Expansion): boolean {
    return of.suffix === this.listOf(of)[0];
  }

  /**
   * The name by which a question is remembered that may be one of {@link precedingSteps} (N7); `undefined` if it cannot
   * be one.
   */
  stepName(qname: Name): Name | undefined {
    const isStep =
      this.inZone(qname) || this.suffixes.slice(0, -1).some((it) => isBelow(qname, it));
    return isStep ? this.inAnyNamespace(qname) : undefined;
  }

  /**
   * What a client that came to QNAME by its search list may have asked just before, in the form of {@link stepName}.
   * Only for names at which NODATA should not end the walk: those below a suffix outside the zone, and `x.svc.Z`, which
   * may be a namespace (N7).
   */
  precedingSteps(qname: Name): Name[] {
    const steps: Name[] = [];
    for (const [index, suffix] of this.suffixes.entries()) {
      if (!isBelow(qname, suffix) || this.inZone(suffix)) continue;
      const before = this.suffixes[index - 1] ?? this.zone;
      if (before !== undefined) steps.push(joinNames(relativeTo(qname, suffix), before));
    }
    const [svc] = this.zoneSuffixes;
    if (svc !== undefined && parentOf(qname) === svc) {
      steps.push(joinNames(relativeTo(qname, svc), joinNames(ANY_NAMESPACE, svc)));
    }
    return steps.filter(fitsWire).map((step) => this.inAnyNamespace(step));
  }

  /** Whether a client most likely means the base as it is, so that it is asked early (N4). */
  isFqdnLike(base: Name): boolean {
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

  private read(qname: Name, suffix: Name): Expansion {
    return { base: relativeTo(qname, suffix), suffix, inZone: this.inZone(suffix) };
  }

  /** The list that made an expansion: the one that is known, or that of the namespace it lies in. */
  private listOf({ suffix }: Expansion): readonly Name[] {
    if (this.suffixes.includes(suffix)) return this.suffixes;
    const own = this.zoneSuffixes.includes(suffix) ? [] : [suffix];
    return [...own, ...this.zoneSuffixes, ...this.suffixes.filter((each) => !this.inZone(each))];
  }

  /** `x.NS.svc.Z` with NS replaced by {@link ANY_NAMESPACE}: the step after it does not show which NS it was. */
  private inAnyNamespace(qname: Name): Name {
    const [svc] = this.zoneSuffixes;
    if (svc === undefined || !isBelow(qname, svc)) return qname;
    const labels = labelsOf(relativeTo(qname, svc));
    if (labels.length < 2) return qname;
    return joinNames(`${labels.slice(0, -1).join('.')}.`, joinNames(ANY_NAMESPACE, svc));
  }
}

/** No namespace is called that. */
const ANY_NAMESPACE: Name = '*.';

function isBelow(qname: Name, suffix: Name): boolean {
  return qname.length > suffix.length && isAtOrBelow(qname, suffix);
}

function parentOf(qname: Name): Name {
  return qname.slice(qname.indexOf('.') + 1);
}

import { INJECTED, isInjected } from './annotations.ts';
import {
  changeMember,
  type Json,
  type JsonPatch,
  pointerTo,
  remove,
  replace,
} from './json-patch.ts';
import { readPod } from './pod.ts';
import { PodError } from './pod-error.ts';
import { namedTokens, RESTORE, type RestoreRecord, readRecord } from './restore-record.ts';
import { PORT_SYSCTL, PUBLISH_FLAG, RESOLV_CONF, SIDECAR } from './sidecar.ts';

/** The result of removing sidestub from a pod. */
export type Removal =
  | {
      readonly outcome: 'removed' | 'unchanged';
      readonly patch: JsonPatch;
      readonly warnings: readonly string[];
    }
  | { readonly outcome: 'refused'; readonly reason: 'invalid'; readonly message: string };

/**
 * Makes the patch that removes from a pod what injection added, and restores what it replaced.
 *
 * A pod without the annotation is not ours. Never throws: a pod that cannot be read is refused.
 */
export function removeFromPod(value: unknown): Removal {
  try {
    const { annotations } = readPod(value);
    if (!isInjected(annotations)) return { outcome: 'unchanged', patch: [], warnings: [] };
    const removal = new PodRemoval(value, readRecord(annotations));
    return { outcome: 'removed', patch: removal.patch, warnings: removal.warnings };
  } catch (error) {
    if (!(error instanceof PodError)) throw error;
    return { outcome: 'refused', reason: 'invalid', message: error.message };
  }
}

type Tokens = readonly (string | number)[];
type Element = Readonly<Record<string, unknown>>;

class PodRemoval {
  readonly patch: JsonPatch[number][] = [];
  readonly warnings: string[] = [];
  private readonly pod: object;
  private readonly record: RestoreRecord;

  constructor(value: unknown, record: RestoreRecord) {
    this.pod = JSON.parse(JSON.stringify(value)) as object;
    this.record = record;
    this.dns();
    for (const list of ['initContainers', 'containers']) {
      for (const [index, container] of this.elements(['spec', list]).entries()) {
        if (container['name'] !== SIDECAR)
          this.list(['spec', list, index, 'volumeMounts'], isMount);
      }
    }
    this.list(['spec', 'initContainers'], isSidecar);
    this.list(['spec', 'volumes'], isOurs);
    const hadSysctl = this.list(['spec', 'securityContext', 'sysctls'], isSysctl);
    if (hadSysctl) this.settle(['spec', 'securityContext']);
    this.list(['spec', 'imagePullSecrets'], ({ name }) =>
      this.wasAbsent(['spec', 'imagePullSecrets', String(name)]),
    );
    for (const key of [RESTORE, INJECTED]) this.take(['metadata', 'annotations', key]);
    this.settle(['metadata', 'annotations']);
    this.settle(['metadata']);
  }

  /** In modes `none` and `node` the pod's DNS is ours. */
  private dns(): void {
    const places = [
      ['spec', 'dnsPolicy'],
      ['spec', 'dnsConfig'],
    ];
    if (!places.some((place) => this.record.has(pointerTo(place)))) {
      // Version 0.1.0 kept no record, so the pod gets the default. DNS settings beside a sidecar that was written by
      // hand are its author's.
      const sidecar = this.elements(['spec', 'initContainers']).find(isSidecar);
      const isTheirs = this.record.has(pointerTo(['spec', 'initContainers', SIDECAR]));
      if (sidecar === undefined || isTheirs || publishes(sidecar)) return;
      this.warnings.push(
        'what dnsPolicy and dnsConfig were before is not recorded: the pod gets the default, ClusterFirst',
      );
    }
    for (const place of places) {
      const was = this.record.get(pointerTo(place))?.is;
      if (was === undefined) this.take(place);
      else this.put(place, was);
    }
  }

  /** Removes our elements from a list, except those that were there before. Returns whether it removed any. */
  private list(tokens: Tokens, isOurs: (element: Element) => boolean): boolean {
    const ours = [...this.elements(tokens).entries()].filter(([, element]) => {
      const place = [...namedTokens(this.pod, tokens), String(element['name'])];
      return isOurs(element) && this.record.get(pointerTo(place))?.is === undefined;
    });
    for (const [index] of ours.toReversed()) this.take([...tokens, index]);
    if (ours.length > 0) this.settle(tokens);
    return ours.length > 0;
  }

  /** Removes what is empty now: injection created it, unless the record says otherwise. */
  private settle(tokens: Tokens): void {
    const found = this.at(tokens);
    if (typeof found !== 'object' || found === null || Object.keys(found).length > 0) return;
    const was = this.record.get(pointerTo(namedTokens(this.pod, tokens)))?.is;
    if (was === undefined) this.take(tokens);
    else if (was === null) this.put(tokens, null);
  }

  private wasAbsent(place: readonly string[]): boolean {
    const was = this.record.get(pointerTo(place));
    return was !== undefined && was.is === undefined;
  }

  private elements(tokens: Tokens): readonly Element[] {
    const found = this.at(tokens);
    return Array.isArray(found) ? [...found] : [];
  }

  private take(tokens: Tokens): void {
    if (this.at(tokens) !== undefined) this.do(tokens, remove(tokens));
  }

  private put(tokens: Tokens, value: Json): void {
    this.do(tokens, replace(tokens, value));
  }

  private do(tokens: Tokens, operation: JsonPatch[number]): void {
    const parent = this.at(tokens.slice(0, -1));
    if (typeof parent !== 'object' || parent === null) return;
    changeMember(parent, String(tokens.at(-1)), operation);
    this.patch.push(operation);
  }

  private at(tokens: Tokens): unknown {
    return tokens.reduce<unknown>(
      (current, token) =>
        typeof current === 'object' && current !== null && Object.hasOwn(current, token)
          ? Reflect.get(current, token)
          : undefined,
      this.pod,
    );
  }
}

const isOurs = ({ name }: Element): boolean => name === SIDECAR;

const isMount = ({ name, mountPath }: Element): boolean =>
  name === SIDECAR && mountPath === RESOLV_CONF;

const isSidecar = ({ name, restartPolicy }: Element): boolean =>
  name === SIDECAR && restartPolicy === 'Always';

const publishes = ({ args }: Element): boolean =>
  Array.isArray(args) && args.some((arg) => String(arg).startsWith(PUBLISH_FLAG));

const isSysctl = ({ name, value }: Element): boolean =>
  name === PORT_SYSCTL.name && value === PORT_SYSCTL.value;

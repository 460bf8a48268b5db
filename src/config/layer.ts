import type { Problem } from '../input-error.ts';
import type { Written } from './kind.ts';
import type { SettingKey } from './schema.ts';

/** What one source says of the settings: the file, the environment, the flags. The later layer wins. */
export interface Layer {
  readonly entries: readonly Entry[];
  /** What is wrong with the source itself: unknown names, broken YAML. */
  readonly problems: readonly Problem[];
  /** Whether it could not be read as a whole, so that what is missing may have been meant to be there. */
  readonly broken?: boolean;
}

/** One setting as a layer has it, not yet read. */
export interface Entry {
  readonly key: SettingKey;
  readonly written: Written;
  readonly origin: Origin;
  /**
   * Where a part of the value stands, by its path in `written`; the nearest part around it for one that has no place.
   *
   * @param what - For a part of a mapping: its value, or the key itself.
   */
  placeOf(path: readonly unknown[], what?: 'value' | 'key'): string;
}

/** Where an effective value came from. */
export type Origin =
  | {
      readonly kind: 'default';
      /** The file or setting that it was derived from, where it is not the table's own. */
      readonly from?: string;
    }
  | { readonly kind: 'file'; readonly path: string; readonly line: number }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string };

/** `default`, `FILE:LINE`, `env NAME` or `--flag`. */
export function formatOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return origin.from === undefined ? 'default' : `default, from ${origin.from}`;
    case 'file':
      return `${origin.path}:${origin.line}`;
    case 'environment':
      return `env ${origin.name}`;
    case 'flag':
      return `--${origin.name}`;
  }
}

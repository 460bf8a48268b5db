import type { Problem } from '../input-error.ts';
import type { Written } from './kind.ts';
import type { SettingKey } from './schema.ts';

/** The settings that one source gives: the file, the environment, or the flags. A later layer wins. */
export interface Layer {
  readonly entries: readonly Entry[];
  /** What is wrong with the source itself: unknown names, broken YAML. */
  readonly problems: readonly Problem[];
  /** Whether it could not be read as a whole, so that a missing setting may have been meant to be in it. */
  readonly broken?: boolean;
}

/** One setting as a layer gives it, not yet parsed. */
export interface Entry {
  readonly key: SettingKey;
  readonly written: Written;
  readonly origin: Origin;
  /**
   * The place of a part of the value, by its path in `written`; for a part without a place, the nearest one around it.
   *
   * @param what - For a member of a mapping: its value, or its key.
   */
  placeOf(path: readonly unknown[], what?: 'value' | 'key'): string;
}

/** Where an effective value came from. */
export type Origin =
  | {
      readonly kind: 'default';
      /** The file or setting that the value was derived from; absent for the table's own default. */
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

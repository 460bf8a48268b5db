import type { YAMLMap } from 'yaml';
import type { TextEdits } from './text-edits.ts';
import type { TextStyle } from './text-style.ts';

/** What changes among the members of a map. */
export interface MemberChanges {
  /** Indexes into the map's items. */
  readonly removed: readonly number[];
  readonly added: readonly (readonly [key: string, value: unknown])[];
}

/** Writes changes of a collection into its text; each of YAML's two styles has an editor of its own. */
export abstract class CollectionEditor {
  protected readonly text: string;
  protected readonly edits: TextEdits;
  protected readonly style: TextStyle;

  constructor(text: string, edits: TextEdits, style: TextStyle) {
    this.text = text;
    this.edits = edits;
    this.style = style;
  }

  /** Changes the members of a map; new ones come after those that stay. */
  abstract pairs(map: YAMLMap, changes: MemberChanges): void;
}

import { lineStart, nextLine } from './text-lines.ts';

/** Text in place of other text: an insertion where `from` is `to`. */
export interface TextEdit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Collects the changes of a text; all offsets are those of the original text. */
export class TextEdits {
  private readonly text: string;
  private readonly newline: string;
  private readonly replacements: TextEdit[] = [];
  private readonly removals: { from: number; to: number }[] = [];

  constructor(text: string, newline: string) {
    this.text = text;
    this.newline = newline;
  }

  /** Replaces a part of the text. */
  replace(from: number, to: number, text: string): void {
    this.replacements.push({ from, to, text });
  }

  /** Inserts lines after the line in which a node ends. */
  insertLines(offset: number, lines: readonly string[]): void {
    const at = nextLine(this.text, offset);
    const text = lines.join(this.newline);
    // If the text ends without a line break, so does the result.
    const unfinished = at === this.text.length && !this.text.endsWith('\n');
    this.replace(at, at, unfinished ? this.newline + text : text + this.newline);
  }

  /** Removes whole lines: from the line that contains `from` to the line in which a node ends. */
  removeLines(from: number, offset: number): void {
    this.removals.push({ from: lineStart(this.text, from), to: nextLine(this.text, offset) });
  }

  /** The text with all changes made. */
  applied(): string {
    const edits = [...this.replacements, ...this.removedParts()].toSorted(
      (some, other) => some.from - other.from || some.to - other.to,
    );
    let at = 0;
    let result = '';
    for (const { from, to, text } of edits) {
      result += this.text.slice(at, Math.max(at, from)) + text;
      at = Math.max(at, to);
    }
    return result + this.text.slice(at);
  }

  /**
   * The removed lines as parts of the text. If the text ends without a line break, the one before them is removed too.
   */
  private removedParts(): TextEdit[] {
    const parts: TextEdit[] = [];
    for (const { from, to } of this.removals.toSorted((some, other) => some.from - other.from)) {
      const last = parts.at(-1);
      if (last !== undefined && from <= last.to) {
        parts[parts.length - 1] = { ...last, to: Math.max(last.to, to) };
      } else {
        parts.push({ from, to, text: '' });
      }
    }
    return parts.map((part) => {
      const unfinished = part.to === this.text.length && !this.text.endsWith('\n');
      if (!unfinished || part.from === 0) return part;
      // The break before it goes too, and is as long as its own breaks are. Without one, a CR there makes it CRLF.
      const [own] = /\r?\n/.exec(this.text.slice(part.from, part.to)) ?? [];
      const crlf = this.text[part.from - 2] === '\r' ? 2 : 1;
      return { ...part, from: part.from - (own?.length ?? crlf) };
    });
  }
}

/** A place in a document that cannot be changed as it is written. */
export class EditError extends Error {
  override readonly name = 'EditError';
  /** In the document's text. */
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

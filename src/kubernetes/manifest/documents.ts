/** One document of a file. Text between two documents belongs to one of them: joined, they are the file. */
export interface DocumentText {
  readonly text: string;
  readonly format: 'yaml' | 'json';
  /** The line of the first character of {@link text} in the file, from 1. */
  readonly line: number;
}

/**
 * Splits a file into its documents as kubectl does: at lines that start with `---`, and between JSON objects.
 *
 * A marker in the first column ends a document anywhere, even in a block scalar.
 *
 * @see YAML 1.2 §9.1.2
 */
export function splitDocuments(text: string): DocumentText[] {
  let line = 1;
  const documents: DocumentText[] = [];
  for (const part of withDirectives(text.split(/(?<![^\n])(?=---(?:[ \t\r\n]|$))/))) {
    for (const piece of jsonPieces(part) ?? [part]) {
      documents.push({ text: piece, format: piece === part ? formatOf(part) : 'json', line });
      line += piece.split('\n').length - 1;
    }
  }
  return documents;
}

/** `%YAML` and `%TAG` precede the marker of the document that they apply to. */
function withDirectives(parts: readonly string[]): string[] {
  const joined: string[] = [];
  let directives = '';
  for (const part of parts) {
    if (/^%/m.test(part) && /^(?:(?:[%#].*|[ \t\r]*)(?:\n|$))*$/.test(part)) {
      directives += part;
    } else {
      joined.push(directives + part);
      directives = '';
    }
  }
  return directives === '' ? joined : [...joined, directives];
}

function formatOf(part: string): 'yaml' | 'json' {
  return isJson(part.replace(MARKER, '')) ? 'json' : 'yaml';
}

/** `---` and the rest of its line, if that is blank. */
const MARKER = /^---[ \t]*(?:\r?\n|$)/;

/** The JSON values of a part, each with the text after it; `undefined` if there are fewer than two. */
function jsonPieces(part: string): string[] | undefined {
  const [marker = ''] = MARKER.exec(part) ?? [];
  const ends: number[] = [];
  for (let start = marker.length; !isBlankFrom(part, start); start = ends.at(-1) ?? start) {
    const end = endOfValue(part, start);
    if (end === undefined || !isJson(part.slice(start, end))) return undefined;
    ends.push(end);
  }
  if (ends.length < 2) return undefined;
  return ends.map((end, index) =>
    part.slice(ends[index - 1] ?? 0, index === ends.length - 1 ? undefined : end),
  );
}

function isBlankFrom(text: string, start: number): boolean {
  const blank = /\s*$/y;
  blank.lastIndex = start;
  return blank.test(text);
}

/** The end of the object or list that comes next in the text; `undefined` if something else comes next. */
function endOfValue(text: string, start: number): number | undefined {
  const opening = /\s*[{[]/y;
  opening.lastIndex = start;
  if (!opening.test(text)) return undefined;
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/gs;
  token.lastIndex = start;
  let depth = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match;
    if (found === '{' || found === '[') depth++;
    else if (found === '}' || found === ']') depth--;
    if (depth === 0) return token.lastIndex;
  }
  return undefined;
}

function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

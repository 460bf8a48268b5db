import { parseAllDocuments, type parseDocument } from 'yaml';

/** The documents of a text as JSON, read by YAML 1.1 as kubectl does; numbers as they are spelled. */
export function asKubectlReads(text: string): unknown[] {
  const pieces = text.startsWith('{') ? jsonPieces(text) : [text];
  return pieces.flatMap((piece) => {
    const documents = parseAllDocuments(piece, {
      version: '1.1',
      uniqueKeys: false,
      logLevel: 'silent',
      intAsBigInt: true,
    });
    return [...(documents as ReturnType<typeof parseDocument>[])].map((document) => {
      if (document.errors.length > 0) throw new Error(`${document.errors[0]?.message}\n${text}`);
      const js = document.toJS({ maxAliasCount: -1 });
      return JSON.parse(
        JSON.stringify(js, (_, value) => (typeof value === 'bigint' ? big(value) : value)) ??
          'null',
      );
    });
  });
}

function big(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
}

/** JSON objects one after another. */
function jsonPieces(text: string): string[] {
  for (let end = 1; end <= text.length; end++) {
    if (text[end - 1] !== '}') continue;
    try {
      JSON.parse(text.slice(0, end));
    } catch {
      continue;
    }
    const rest = text.slice(end);
    return [text.slice(0, end), ...(rest.trim() === '' ? [] : jsonPieces(rest.trim()))];
  }
  return [text];
}

/** Whether everything of one text stands in the other, in its order, octet for octet. */
export function isInsertion(before: string, after: string): boolean {
  let at = 0;
  for (const character of after)
    if (character === before.slice(at, at + character.length)) at += character.length;
  return at === before.length;
}

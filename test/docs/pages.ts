import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** One Markdown file of the project. */
export interface DocPage {
  /** From the project's root. */
  readonly path: string;
  readonly text: string;
}

/** Every page that people read: docs/ with its folders, and what lies beside the README. */
export function docPages(): DocPage[] {
  const beside = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name));
  return [...beside, ...inDocs].sort().map((path) => ({
    path,
    text: readFileSync(join(ROOT, path), 'utf8'),
  }));
}

/** A fenced block of code. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
  /** `docs/x.md:12`. */
  readonly where: string;
}

export function codeBlocks({ path, text }: DocPage): CodeBlock[] {
  return Array.from(
    text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm),
    ({ 1: language, 2: code, index }) => ({
      language: language ?? '',
      text: code ?? '',
      where: `${path}:${text.slice(0, index).split('\n').length}`,
    }),
  );
}

/** A link to another page or place of the project. */
export interface Link {
  readonly where: string;
  readonly target: string;
  /** Why it leads nowhere; absent where it leads somewhere. */
  readonly broken?: string;
}

/** The links of a page that stay within the project. */
export function links(page: DocPage): Link[] {
  const prose = withoutCode(page.text);
  return Array.from(prose.matchAll(/\]\(([^)\s]+)\)/g), ({ 1: target = '', index }) => {
    const where = `${page.path}:${prose.slice(0, index).split('\n').length}`;
    const broken = whyBroken(page, target);
    return { where, target, ...(broken === undefined ? {} : { broken }) };
  }).filter(({ target }) => !/^[a-z]+:/.test(target));
}

/** The pages that a page links to, as paths from the root. */
export function linkedPages(page: DocPage): string[] {
  return links(page).map(({ target }) => {
    const [file = ''] = target.split('#', 1);
    return relative(ROOT, resolve(ROOT, dirname(page.path), file));
  });
}

/** Text with more than 120 columns, as `docs/x.md:12`. Tables, code, and what a command writes may be wider. */
export function wideLines({ path, text }: DocPage): string[] {
  const made = /^<!-- .*begin[\s\S]*?end.*-->$/gm;
  const lines = withoutCode(text.replace(made, withoutText)).split('\n');
  return lines.flatMap((line, i) =>
    line.length > MAX_COLUMNS && !/^( *\|| {4})/.test(line) ? [`${path}:${i + 1}`] : [],
  );
}

const MAX_COLUMNS = 120;

function whyBroken({ path, text }: DocPage, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  const full = file === '' ? undefined : resolve(ROOT, dirname(path), file);
  if (full !== undefined && !existsSync(full)) return 'no such file';
  if (anchor === undefined) return undefined;
  const where = full === undefined ? text : readFileSync(full, 'utf8');
  return anchors(where).has(anchor) ? undefined : 'no such heading';
}

/** What GitHub calls the headings of a page. */
function anchors(text: string): Set<string> {
  const found = new Set<string>();
  for (const [, title = ''] of withoutCode(text).matchAll(/^#+ (.+)$/gm)) {
    const plain = title.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '');
    const slug = plain.replaceAll(/\s/g, '-');
    let name = slug;
    for (let n = 1; found.has(name); n++) name = `${slug}-${n}`;
    found.add(name);
  }
  return found;
}

/** With the code as empty lines, so that lines keep their numbers. */
function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, withoutText);
}

function withoutText(block: string): string {
  return block.replace(/[^\n]/g, '');
}

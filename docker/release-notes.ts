/** What the notes of a release are made of. */
export interface NotesInput {
  /** The whole text of CHANGELOG.md. */
  readonly changelog: string;
  readonly version: string;
  /** Of the image's manifest list: `sha256:…`. */
  readonly digest: string;
}

/**
 * The notes of a version: its section of the changelog, and the digest that its image is pulled by. A version that is
 * not in the changelog yet has what is unreleased, and its title says so.
 *
 * @throws {Error} When the changelog has neither section.
 */
export function releaseNotes({ changelog, version, digest }: NotesInput): string {
  const own = section(changelog, version);
  const text = own ?? section(changelog, 'Unreleased');
  if (text === undefined) throw new Error(`CHANGELOG.md has no section ${version}`);
  const title = own === undefined ? `${version} (unreleased)` : version;
  return `# sidestub ${title}\n\n${text}\n\nThe image of linux/amd64 and linux/arm64: \`${digest}\`\n`;
}

/**
 * Why a version may not be released under a tag; `undefined` where it may.
 *
 * @param tag - Of git: `v0.2.0`.
 */
export function whyNotTag(tag: string, version: string, changelog: string): string | undefined {
  if (tag !== `v${version}`) return `the tag is ${tag}, and package.json says ${version}`;
  if (section(changelog, version) === undefined) return `CHANGELOG.md has no section ${version}`;
  return undefined;
}

/** The text below `## HEADING`, which may have a date behind it; `undefined` where there is no such heading or text. */
function section(changelog: string, heading: string): string | undefined {
  const [, ...sections] = `\n${changelog}`.split(/\n## /);
  const found = sections.find((each) => /^[^\s]+/.exec(each)?.[0] === heading);
  const text = found?.slice(found.indexOf('\n') + 1).trim();
  return text === '' ? undefined : text;
}

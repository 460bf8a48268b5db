import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'tap';
import { releaseNotes, whyNotTag } from '../../docker/release-notes.ts';

const CHANGELOG = `# Changelog

What changes.

## Unreleased

- Not out yet.

## 0.2.0 (2026-11-29)

- The second.
  - A part of it.

## 0.1.0

- The first.
`;
const digest = 'sha256:abc';

test('the notes of a version are its section of the changelog and the digest of its image', (t) => {
  t.equal(
    releaseNotes({ changelog: CHANGELOG, version: '0.2.0', digest }),
    `# sidestub 0.2.0

- The second.
  - A part of it.

The image of linux/amd64 and linux/arm64: \`sha256:abc\`
`,
  );
  t.match(releaseNotes({ changelog: CHANGELOG, version: '0.1.0', digest }), '\n- The first.\n');
  t.end();
});

test('the notes of a version that is not in the changelog say that it is unreleased', (t) => {
  const notes = releaseNotes({ changelog: CHANGELOG, version: '0.3.0', digest });
  t.match(notes, /^# sidestub 0\.3\.0 \(unreleased\)\n\n- Not out yet\.\n/);
  const empty = '# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- The first.\n';
  t.throws(() => releaseNotes({ changelog: empty, version: '0.3.0', digest }), {
    message: 'CHANGELOG.md has no section 0.3.0',
  });
  t.end();
});

test('a tag is refused unless package.json and the changelog say the same version', (t) => {
  t.equal(whyNotTag('v0.2.0', '0.2.0', CHANGELOG), undefined);
  t.match(whyNotTag('v0.2.1', '0.2.0', CHANGELOG), /v0\.2\.1, and package\.json says 0\.2\.0/);
  t.match(whyNotTag('0.2.0', '0.2.0', CHANGELOG), /the tag is 0\.2\.0/);
  t.equal(whyNotTag('v0.2', '0.2', CHANGELOG), 'CHANGELOG.md has no section 0.2');
  t.end();
});

test('the changelog has notes for the version of package.json', (t) => {
  const read = (name: string) => readFileSync(resolve(import.meta.dirname, '../..', name), 'utf8');
  const { version } = JSON.parse(read('package.json'));
  const notes = releaseNotes({ changelog: read('CHANGELOG.md'), version, digest });
  t.match(notes, /\n- \w/);
  t.end();
});

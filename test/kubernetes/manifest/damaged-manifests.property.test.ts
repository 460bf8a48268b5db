// Manifests that somebody's editor or template broke: named with their place, or injected, and never an exit code 70.
import fc from 'fast-check';
import { test } from 'tap';
import { InputError } from '../../../src/input-error.ts';
import {
  injectManifest,
  type ManifestOptions,
} from '../../../src/kubernetes/manifest/inject-manifest.ts';
import { TemplatePaths } from '../../../src/kubernetes/manifest/template-paths.ts';
import { testOptions } from '../inject/pod-files.ts';
import { ODD_MANIFESTS } from './odd-manifests.ts';

const options: ManifestOptions = {
  ...testOptions,
  restorable: true,
  remove: false,
  templatePaths: new TemplatePaths(),
};
const manifest = fc.constantFrom(...ODD_MANIFESTS.values());
const piece = fc.constantFrom(
  ...[
    '',
    '\n',
    '  ',
    '\t',
    ': ',
    '- ',
    '#',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    ',',
    '&a ',
    '*a',
    '<<: *a\n',
  ],
  ...[
    '---\n',
    '...\n',
    '|',
    '>',
    '? ',
    '!!str ',
    '!',
    '%',
    '@',
    '\u0000',
    '\ud800',
    '\r',
    '\u2028',
    '{{ .x }}',
  ],
  ...['null', '~', 'spec:\n', 'containers:\n', 'volumes: {}\n', '\ufeff'],
);
const damage = fc.record({ at: fc.nat(2_000), length: fc.nat(12), piece });
const damaged = fc
  .tuple(manifest, fc.array(damage, { minLength: 1, maxLength: 3 }))
  .map(([text, all]) =>
    all.reduce((now, { at, length, piece: put }) => {
      const from = at % (now.length + 1);
      return now.slice(0, from) + put + now.slice(from + length);
    }, text),
  );

test('what is broken is named with its place; what is not is injected, once, and comes out again', (t) => {
  let read = 0;
  let injected = 0;
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(damaged, (text) => {
        const result = injectedOrNamed(text);
        if (result === undefined) return;
        read++;
        const outcomes = result.pods.map(({ injection }) => injection.outcome);
        if (!outcomes.includes('injected')) requireSame(result.text, text, 'nothing to do');
        else injected++;
        const again = injectManifest(result.text, 'again', options);
        requireSame(again.text, result.text, 'twice is once');
        const removed = injectManifest(result.text, 'removed', { ...options, remove: true });
        requireSame(removed.text, text, `taken out of ${JSON.stringify(result.text)}`);
      }),
      { numRuns: 400 },
    ),
  );
  t.ok(injected > 20, `${injected} of ${read} were injected`);
  t.end();
});

function injectedOrNamed(text: string) {
  try {
    return injectManifest(text, 'file', options);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const unnamed = error.problems.find(({ place }) => !/^file(?::\d+)*$/.test(place));
    if (unnamed !== undefined) throw new Error(`no place: ${JSON.stringify(unnamed)}`);
    return undefined;
  }
}

function requireSame(found: string, wanted: string, what: string): void {
  if (found !== wanted)
    throw new Error(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

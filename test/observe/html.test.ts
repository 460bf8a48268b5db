import fc from 'fast-check';
import { test } from 'tap';
import { html } from '../../src/observe/html.ts';

test('values are escaped, markup is not, lists are joined', (t) => {
  const item = (text: string) => html`<li title="${text}">${text}</li>`;
  t.equal(
    html`<ul>${[item('a & "b"'), item("<i>'")]}${undefined}${3}</ul>`.text,
    '<ul><li title="a &amp; &quot;b&quot;">a &amp; &quot;b&quot;</li><li title="&lt;i&gt;&#39;">&lt;i&gt;&#39;</li>3</ul>',
  );
  t.end();
});

test('whatever a value is, it ends no tag and no attribute', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'a', '`', '\0') }),
        (text) => {
          const page = html`<p title="${text}">${text}</p>`.text;
          return !/[<>"']/.test(page.slice('<p title="'.length, -'</p>'.length).replace('">', ''));
        },
      ),
    ),
  );
  t.end();
});

import { test } from 'tap';
import { parseHostsFile } from '../../src/config/hosts-file.ts';

const namesIn = (text: string) => [...parseHostsFile(text).keys()];

test('an address, then its names; comments and CRLF are no names', (t) => {
  t.same(namesIn('# kubelet\r\n10.0.0.1\tGit.example git # one\r\n::1 localhost\r\n\r\n'), [
    'git.example.',
    'git.',
    'localhost.',
  ]);
  t.end();
});

test('what libc does not understand is passed over', (t) => {
  const bom = '\ufeff10.0.0.1 marked\n10.0.0.2 next\n';
  t.same(namesIn(bom), ['next.'], 'a byte order mark is no white space');
  t.same(namesIn('10.0.0.1\u00a0joined\n10.0.0 short\nnone\n'), []);
  t.end();
});

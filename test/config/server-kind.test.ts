import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import * as v from 'valibot';
import { serverGroups } from '../../src/config/server-kind.ts';

const problem = (upstreams: unknown) =>
  v.safeParse(serverGroups().schema, upstreams).issues?.[0].message;

test('servers over TLS and HTTPS are read and written like others (U5)', (t) => {
  const written = [
    ['tls://10.0.0.1:853?name=a.example', 'tls://10.0.0.2:853?name=a.example'],
    'https://dns.example:443/dns-query?bootstrap=10.0.0.3',
  ];
  t.same(serverGroups().format(v.parse(serverGroups().schema, written)), written);
  t.end();
});

test('a wrong parameter or CA file is a problem of the configuration (S3)', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-config-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'ca.pem');
  t.equal(problem([`tls://10.0.0.1?ca=${file}`]), `cannot read CA file, ENOENT: ${file}`);
  writeFileSync(file, 'no PEM');
  t.equal(problem([`tls://10.0.0.1?ca=${file}`]), `no certificate in CA file: ${file}`);
  t.match(problem(['tls://10.0.0.1?cafile=x']), /^upstream parameter is not one of name, ca, pin/);
  t.end();
});

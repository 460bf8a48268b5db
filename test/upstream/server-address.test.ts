import fc from 'fast-check';
import { test } from 'tap';
import { parseServerAddress } from '../../src/upstream/server-address.ts';

test('an upstream URL names transport, address and port', (t) => {
  const cases: [string, string, string, number, string][] = [
    ['udp://10.96.0.10', 'udp', '10.96.0.10', 53, 'udp://10.96.0.10:53'],
    ['tcp://10.96.0.10:5353', 'tcp', '10.96.0.10', 5353, 'tcp://10.96.0.10:5353'],
    ['10.96.0.10', 'udp', '10.96.0.10', 53, 'udp://10.96.0.10:53'],
    ['10.96.0.10:5353', 'udp', '10.96.0.10', 5353, 'udp://10.96.0.10:5353'],
    ['fd00::a', 'udp', 'fd00::a', 53, 'udp://[fd00::a]:53'],
    ['UDP://[fd00::a]:54', 'udp', 'fd00::a', 54, 'udp://[fd00::a]:54'],
    ['fe80::1%eth0', 'udp', 'fe80::1%eth0', 53, 'udp://[fe80::1%eth0]:53'],
  ];
  for (const [text, transport, address, port, name] of cases) {
    t.same(parseServerAddress(text), { transport, endpoint: { address, port }, name }, text);
  }
  t.end();
});

test('what is no upstream is refused, with the text in the message', (t) => {
  const notAnAddress = [
    '',
    'udp://',
    'dns.example',
    'udp://dns.example',
    '10.96.0.10:0',
    '10.96.0.10:65536',
    '10.96.0.10/',
    '10.96.0',
    '[10.96.0.10]:53',
    'udp://udp://10.96.0.10',
    ' 10.96.0.10',
    ' quic://10.96.0.10',
    '1udp://10.96.0.10',
    'udp:/10.96.0.10',
  ];
  for (const text of notAnAddress) {
    const message = `upstream is not an address with an optional port: ${text}`;
    t.throws(() => parseServerAddress(text), new Error(message), text);
  }
  t.throws(
    () => parseServerAddress('quic://10.0.0.1'),
    new Error(
      'upstream has an unknown scheme, not udp://, tcp://, tls:// or https://: quic://10.0.0.1',
    ),
  );
  t.end();
});

const PIN = `sha256/${'A+/b'.repeat(10)}AAA=`;

test('a tls:// URL says how the server proves who it is (U5)', (t) => {
  const parameters = `name=DNS.example&ca=/etc/a%2Cb.pem&pin=${PIN}`;
  const address = parseServerAddress(`tls://10.0.0.1?${parameters}`);
  t.same(address, {
    transport: 'tls',
    endpoint: { address: '10.0.0.1', port: 853 },
    name: `tls://10.0.0.1:853?name=dns.example&ca=/etc/a%2Cb.pem&pin=${PIN}`,
    authentication: { identity: 'dns.example', caFile: '/etc/a,b.pem', pins: [PIN.slice(7)] },
    serverName: 'dns.example',
  });
  t.same(parseServerAddress(address.name), address, 'the name reads back');
  t.end();
});

test('a pin alone is the whole identity; beside a name or a CA, or without one, there is a name to prove (U5)', (t) => {
  const cases: [string, string | undefined][] = [
    ['tls://10.0.0.1', '10.0.0.1'],
    ['tls://[fe80::1%eth0]', 'fe80::1'],
    [`tls://10.0.0.1?pin=${PIN}`, undefined],
    [`tls://10.0.0.1?pin=${PIN}&ca=/ca.pem`, '10.0.0.1'],
    [`tls://10.0.0.1?pin=${PIN}&name=dns.example`, 'dns.example'],
    [`https://[fd00::a]/dns-query?pin=${PIN}`, undefined],
    [`https://dns.example/dns-query?bootstrap=10.0.0.1&pin=${PIN}`, 'dns.example'],
  ];
  for (const [text, identity] of cases) {
    const address = parseServerAddress(text);
    t.ok('authentication' in address, text);
    t.equal('authentication' in address && address.authentication.identity, identity, text);
  }
  t.end();
});

test('an https:// URL has its address in it or beside it (U5)', (t) => {
  const address = parseServerAddress(
    'https://dns.example:8443/dns-query?bootstrap=10.0.0.1&method=get&ca=/ca.pem',
  );
  t.same(address, {
    transport: 'https',
    endpoint: { address: '10.0.0.1', port: 8443 },
    name: 'https://dns.example:8443/dns-query?ca=/ca.pem&method=get&bootstrap=10.0.0.1',
    authentication: { identity: 'dns.example', caFile: '/ca.pem', pins: [] },
    serverName: 'dns.example',
    origin: 'https://dns.example:8443',
    path: '/dns-query',
    method: 'GET',
  });
  t.same(parseServerAddress(address.name), address, 'the name reads back');
  t.same(parseServerAddress('https://[fd00::443:1]/dns-query'), {
    transport: 'https',
    endpoint: { address: 'fd00::443:1', port: 443 },
    name: 'https://[fd00::443:1]:443/dns-query',
    authentication: { identity: 'fd00::443:1', caFile: undefined, pins: [] },
    serverName: undefined,
    origin: 'https://[fd00::443:1]',
    path: '/dns-query',
    method: 'POST',
  });
  const own = `HTTPS://DNS.example:65535/DNS?bootstrap=fd00::a&method=Post&pin=${PIN}`;
  t.same(parseServerAddress(own), {
    transport: 'https',
    endpoint: { address: 'fd00::a', port: 65_535 },
    name: `https://dns.example:65535/***?pin=${PIN}&method=post&bootstrap=fd00::a`,
    authentication: { identity: 'dns.example', caFile: undefined, pins: [PIN.slice(7)] },
    serverName: 'dns.example',
    origin: 'https://dns.example:65535',
    path: '/DNS',
    method: 'POST',
  });
  t.end();
});

test('a token in a path is for the server alone', (t) => {
  const address = parseServerAddress('https://10.0.0.1/s3cret/dns-query');
  t.equal(address.name, 'https://10.0.0.1:443/***/dns-query');
  t.match(address, { path: '/s3cret/dns-query' });
  t.throws(
    () => parseServerAddress(address.name),
    new Error(`upstream with a path that is not shown: ${address.name}`),
  );
  const said = (text: string) => {
    try {
      parseServerAddress(text);
      return '';
    } catch (error) {
      return String(error);
    }
  };
  for (const text of [
    'https://10.0.0.1/s3cret?methd=get',
    'https://me:s3cret@10.0.0.1/dns-query',
  ]) {
    t.not(said(text), '');
    t.notMatch(said(text), /s3cret/, text);
  }
  t.end();
});

test('a parameter that is wrong is named', (t) => {
  const cases: [string, string][] = [
    [
      'tls://10.0.0.1?nam=x',
      'upstream parameter is not one of name, ca, pin: nam, tls://10.0.0.1:853',
    ],
    ['tls://10.0.0.1?name=', 'upstream parameter name has no readable value: tls://10.0.0.1:853'],
    ['tls://10.0.0.1?ca=%zz', 'upstream parameter ca has no readable value: tls://10.0.0.1:853'],
    ['tls://10.0.0.1?name=10.0.0.1', 'upstream parameter name is not a host name: 10.0.0.1'],
    ['tls://10.0.0.1?name=a&name=b', 'upstream parameter name is there twice: tls://10.0.0.1:853'],
    [
      'tls://10.0.0.1?pin=sha256/abc',
      'upstream parameter pin is not sha256/ with 44 characters of base64: sha256/abc',
    ],
    ['tls://dns.example', 'upstream is not an address with an optional port: tls://dns.example'],
    ['https://10.0.0.1', 'upstream without a path such as /dns-query: https://10.0.0.1:443'],
    ['https://10.0.0.1/dns-query?method=put', 'upstream parameter method is not get or post: put'],
    [
      'https://10.0.0.1/dns-query?bootstrap=10.0.0.2',
      'upstream has an address, and needs no bootstrap: https://10.0.0.1:443/dns-query',
    ],
    [
      'https://dns.example/dns-query',
      'upstream needs bootstrap=ADDRESS, the address of its host: https://dns.example:443/dns-query',
    ],
    [
      'https://dns.example/dns-query?bootstrap=ns.example',
      'upstream parameter bootstrap is not an address: ns.example',
    ],
    [
      'https://dns.example/dns-query?bootstrap=10.0.0.2:443',
      'upstream parameter bootstrap is not an address: 10.0.0.2:443',
    ],
    ['tls://10.0.0.1:0', 'upstream is not an address with an optional port: tls://10.0.0.1:0'],
    [
      'https://me:password@dns.example/dns-query',
      'upstream with a user name is not supported: https://***@',
    ],
  ];
  for (const method of ['xget', 'getx', 'xpost', 'postx']) {
    cases.push([
      `https://10.0.0.1/dns-query?method=${method}`,
      `upstream parameter method is not get or post: ${method}`,
    ]);
  }
  for (const [text, message] of cases) {
    t.throws(() => parseServerAddress(text), new Error(message), text);
  }
  t.end();
});

test('before the path of an https:// URL is a host, and a port that there is', (t) => {
  for (const host of [
    '',
    'dns.example:',
    'dns.example:0',
    'dns.example:x',
    'dns.example:65536',
    'dns.example:000443',
    'dns:example:443',
    '10.0.0.1:0',
    '10.0.0.1:65536',
  ]) {
    const message = `upstream without a host and an optional port: https://${host}`;
    t.throws(() => parseServerAddress(`https://${host}/dns-query`), new Error(message), host);
  }
  t.end();
});

test('a path is what may stand in a list of URLs: printable, without what ends or quotes one', (t) => {
  const refused = new Error('upstream without a path such as /dns-query: https://10.0.0.1:443');
  t.throws(() => parseServerAddress('https://10.0.0.1?method=get'), refused);
  for (const character of ' #{}"<>\\^`|,\u007f\u00e4\n') {
    for (const [path, shown] of [
      [`/a${character}`, '/***'],
      [`/${character}a/b`, '/***/***'],
    ]) {
      const message = `upstream without a path such as /dns-query: https://10.0.0.1:443${shown}`;
      t.throws(
        () => parseServerAddress(`https://10.0.0.1${path}`),
        new Error(message),
        JSON.stringify(path),
      );
    }
  }
  t.match(parseServerAddress("https://10.0.0.1/!$&'()*+-.:;=@[]_~"), {
    path: "/!$&'()*+-.:;=@[]_~",
  });
  t.equal(parseServerAddress('https://10.0.0.1/').name, 'https://10.0.0.1:443/');
  t.end();
});

test('a name reads back as the same server', (t) => {
  const server = fc.record({
    transport: fc.constantFrom('udp', 'tcp'),
    address: fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((address) => `[${address}]`),
    ),
    port: fc.integer({ min: 1, max: 65_535 }),
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(server, ({ transport, address, port }) => {
        const first = parseServerAddress(`${transport}://${address}:${port}`);
        const second = parseServerAddress(first.name);
        return JSON.stringify(first) === JSON.stringify(second) && first.endpoint.port === port;
      }),
    ),
  );
  t.end();
});

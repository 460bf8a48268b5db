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
  ];
  for (const text of notAnAddress) {
    const message = `upstream is not an address with an optional port: ${text}`;
    t.throws(() => parseServerAddress(text), new Error(message), text);
  }
  t.throws(
    () => parseServerAddress('quic://10.0.0.1'),
    new Error('upstream has an unknown scheme, not udp:// or tcp://: quic://10.0.0.1'),
  );
  t.end();
});

test('transports that are to come say so', (t) => {
  t.throws(
    () => parseServerAddress('tls://10.0.0.1?name=dns.example'),
    new Error('upstream over tls is not supported yet: tls://10.0.0.1?name=dns.example'),
  );
  t.throws(
    () => parseServerAddress('https://dns.example/dns-query'),
    new Error('upstream over https is not supported yet: https://dns.example/dns-query'),
  );
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

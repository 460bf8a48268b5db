import { test } from 'tap';
import { canonicalAddress, ownListener, reachable } from '../../src/config/own-address.ts';
import { parseEndpoint } from '../../src/endpoint.ts';

const machine = ['127.0.0.1', '::1', '10.1.2.3', 'fe80::1', 'FD00:0:0::7'];

function isOwn(server: string, ...listeners: string[]): boolean {
  const at = (text: string) => parseEndpoint(text, 53) ?? { address: text, port: 53 };
  return ownListener(at(server), listeners.map(at), machine) !== undefined;
}

test('an upstream at the address and port of a listener is ourselves (U1)', (t) => {
  t.ok(isOwn('127.0.0.1', '127.0.0.1'));
  t.ok(isOwn('127.0.0.1', '10.1.2.3', '127.0.0.1'), 'any listener');
  t.notOk(isOwn('127.0.0.1:5353', '127.0.0.1'), 'another port');
  t.notOk(isOwn('127.0.0.53', '127.0.0.1'), 'another address');
  t.notOk(isOwn('10.1.2.3', '127.0.0.1'), 'this machine, where we do not listen');
  t.end();
});

test('a wildcard listener is at every address of this machine (U1)', (t) => {
  t.ok(isOwn('127.0.0.1', '0.0.0.0'));
  t.ok(isOwn('127.9.9.9', '0.0.0.0'), 'all of 127/8');
  t.ok(isOwn('10.1.2.3', '0.0.0.0'));
  t.ok(isOwn('10.1.2.3', '[::]'), 'a socket on :: takes IPv4');
  t.ok(isOwn('[fd00::7]', '[::]'));
  t.ok(isOwn('fe80::1%eth0', '[::]'), 'with a zone');
  t.notOk(isOwn('::1', '0.0.0.0'), 'IPv4 only');
  t.notOk(isOwn('10.9.9.9', '0.0.0.0'), 'another machine');
  t.end();
});

test('another spelling of the address is the same address (U1)', (t) => {
  t.ok(isOwn('[0:0:0:0:0:0:0:1]', '[::1]'));
  t.ok(isOwn('[::ffff:127.0.0.1]', '127.0.0.1'));
  t.ok(isOwn('[::ffff:7f00:1]', '127.0.0.1'));
  t.ok(isOwn('0.0.0.0', '127.0.0.1'), 'what Linux sends to the loopback');
  t.ok(isOwn('[::]', '[::1]'));
  t.equal(canonicalAddress('FE80:0::1%eth0'), 'fe80::1');
  t.end();
});

test('a wildcard is reached at the loopback', (t) => {
  t.same(reachable({ address: '0.0.0.0', port: 53 }), { address: '127.0.0.1', port: 53 });
  t.same(reachable({ address: '::', port: 53 }), { address: '::1', port: 53 });
  t.same(reachable({ address: '10.1.2.3', port: 53 }), { address: '10.1.2.3', port: 53 });
  t.end();
});

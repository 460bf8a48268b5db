import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'tap';
import { hookServer, waitAsHook } from '../../../src/commands/wait/hook.ts';

test('the hook is `wait --metrics ADDR:PORT` and no word more', (t) => {
  const at = (line: string) => hookServer(line.split(' '));
  t.same(at('wait --metrics 0.0.0.0:9553'), { address: '0.0.0.0', port: 9553 });
  t.same(at('wait --metrics [::1]:9553'), { address: '::1', port: 9553 });
  for (const other of [
    'wait',
    'wait git.example.com',
    'wait --metrics',
    'wait --metrics off',
    'wait --metrics 127.0.0.1',
    'wait --metrics localhost:9553',
    'wait --metrics 0.0.0.0:99999',
    'wait --metrics 0.0.0.0:9553 --json',
    'wait --metrics 0.0.0.0:9553 git.example.com',
    'health --metrics 0.0.0.0:9553',
  ]) {
    t.equal(at(other), undefined, other);
  }
  t.end();
});

test('the hook ends when the daemon is ready, and says at its timeout why it is not', async (t) => {
  let answers = 0;
  const server = createServer((_, response) => {
    if (++answers > 3) response.end('{}');
    else response.writeHead(503).end('no upstream has answered yet\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  let stderr = '';
  const of = { stderr: { write: (text: string | Uint8Array) => (stderr += text) } };
  // A wildcard is reached by the loopback.
  const at = { address: '0.0.0.0', port };
  t.equal(await waitAsHook(at, of, 0), 1);
  const where = `http://127.0.0.1:${port}/ready`;
  t.equal(stderr, `not ready after 0 ms: ${where}: 503 no upstream has answered yet\n`);
  t.equal(await waitAsHook(at, of), 0);
  t.equal(answers, 4);
});

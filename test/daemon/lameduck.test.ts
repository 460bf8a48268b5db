// `shutdown.lameduck`: after SIGTERM it says that it is not ready, and answers new queries for that long (S2).
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'tap';
import { RrType } from '../../src/wire/codes.ts';
import { startSidestub } from '../observe/running-sidestub.ts';
import { queryOctets } from '../support/messages.ts';

const LAMEDUCK = 3_000;

test('answers new queries for as long as load balancers may still send them', async (t) => {
  const { dns, url, stop } = await startSidestub(t, {
    settings: { shutdown: { lameduck: `${LAMEDUCK}ms` } },
  });
  const asked = performance.now();
  const stopped = stop();
  const said: { readonly at: number; readonly status: number }[] = [];
  // Without queries: those that come keep it alive without a lame duck, too.
  for (;;) {
    const response = await fetch(`${url}/ready`).catch(() => undefined);
    if (response === undefined) break;
    await response.text();
    said.push({ at: performance.now() - asked, status: response.status });
    if ((said.at(-1)?.at ?? 0) > LAMEDUCK / 6) break;
  }
  const last = said.at(-1);
  t.equal(last?.status, 503, 'not ready');
  t.ok((last?.at ?? 0) > LAMEDUCK / 6, `still there after ${last?.at} ms`);
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  socket.send(queryOctets('git.example.com', RrType.A), dns.port, dns.address);
  const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })) as [
    Buffer,
  ];
  t.equal((reply[3] ?? 0) & 15, 0);
  const { code } = await stopped;
  t.equal(code, 0);
  t.ok(performance.now() - asked >= LAMEDUCK);
});

// A wall clock that jumps by a day back and forth at every look changes nothing (C2).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'tap';
import { withFront } from '../bench/failures/front.ts';

const SOURCE = join(import.meta.dirname, '../../src/cli.ts');
const JUMPING = `
const real = Date.now;
let looks = 0;
Date.now = () => real() + (looks++ % 2 === 0 ? 1 : -1) * 86_400_000;
await import(${JSON.stringify(SOURCE)});
`;

test('answers live as long as their TTL says, and a silent upstream is given up in time', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sidestub-clock-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const cli = join(folder, 'cli.mjs');
  writeFileSync(cli, JUMPING);
  const options = { weather: { ttl: 60 }, cli };
  await withFront('sidestub', options, async ({ client, upstreams: [upstream] }) => {
    for (let turn = 0; turn < 10; turn++) t.ok((await client.pair('api.example.com.')).ok);
    t.equal(upstream.asked, 2, 'each family once');
    upstream.weather.silent = true;
    const { rcode } = await client.single('other.example.com.', { timeout: 10_000, tries: 1 });
    t.equal(rcode, 2, 'SERVFAIL before the client gives up');
    t.ok((await client.pair('api.example.com.')).ok, 'still in the cache');
  });
});

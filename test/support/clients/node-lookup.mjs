// Node's dns.lookup: getaddrinfo of the libc that Node is linked with, in a pool of threads.
import { lookup } from 'node:dns/promises';

for (const name of process.argv.slice(2)) {
  const started = performance.now();
  const said = await lookup(name, { all: true }).then(
    (found) => ({ addresses: found.map(({ address }) => address), error: '' }),
    (error) => ({ addresses: [], error: String(error.code) }),
  );
  const ms = performance.now() - started;
  process.stdout.write(`${JSON.stringify({ name, ms, ...said })}\n`);
}

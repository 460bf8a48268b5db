// Node's dns.resolve4 and dns.resolve6: c-ares, which asks for the name as it is and knows no search list here.
import { resolve4, resolve6 } from 'node:dns/promises';

for (const name of process.argv.slice(2)) {
  const started = performance.now();
  const families = await Promise.allSettled([resolve4(name), resolve6(name)]);
  const ms = performance.now() - started;
  const addresses = families.flatMap(({ value = [] }) => value);
  const error = addresses.length > 0 ? '' : families.map(({ reason }) => reason?.code).join(' ');
  process.stdout.write(`${JSON.stringify({ name, ms, addresses, error })}\n`);
}

// `node hot-client.ts PORT COUNT`: asks for cached names one by one from a process of its own, so that nothing else that a
// story does is in the figures; prints how long each took, in milliseconds, as JSON: null for one that was lost.
import { setTimeout as wait } from 'node:timers/promises';
import { queryOctets } from '../support/messages.ts';
import { udpClient } from './clients.ts';
import { HOT } from './hot-names.ts';

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
const undo: (() => unknown)[] = [];
const client = await udpClient(
  { teardown: (each) => undo.push(each) },
  { address: '127.0.0.1', port },
);
const took: (number | null)[] = [];
for (let i = 0; i < count; i++) {
  const query = queryOctets(HOT[i % HOT.length] ?? '');
  // The kernel keeps no more than it may (net.core.rmem_max): a burst can cost a query, which counts as lost.
  const told = await client.askOctets(query, 1_000).catch(() => undefined);
  took.push(told !== undefined && told.response.message.answer.length > 0 ? told.took : null);
  await wait(5);
}
for (const each of undo) each();
process.stdout.write(JSON.stringify(took));

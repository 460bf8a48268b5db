// The short form of `npm run hostile -- queries answers identity starvation`.
import { test } from 'tap';
import { readRequest } from '../../src/wire/request.ts';
import { Luck, mutate } from '../fuzz/mutate.ts';
import { seeds } from '../fuzz/seeds.ts';
import { samples, skip } from '../support/corpus.ts';
import { startWorld } from './hostile-daemon.ts';
import { generatedCases, identity } from './stories/identity.ts';
import { sayAsAnswers, sendAsQueries, untilDescriptors } from './stories/packets.ts';
import { starve } from './stories/starvation.ts';

function mutants(pool: readonly Uint8Array[], count: number): Uint8Array[] {
  const luck = new Luck(20_261_125);
  return Array.from({ length: count }, (_, i) =>
    mutate(pool[i % pool.length] ?? new Uint8Array(), luck),
  );
}

test('1,000 mutants as client queries over UDP and TCP: every well-formed one is answered, no response is, nothing stays open', async (t) => {
  const world = await startWorld(t);
  const before = world.descriptors();
  const figures = await sendAsQueries(t, world, mutants(seeds(), 1_000));
  t.comment(figures);
  t.ok(figures.wellFormed > 30, `${figures.wellFormed} well-formed`);
  t.match(figures, { sent: 2_000, unanswered: 0, repliesToResponses: 0, unreadable: 0 });
  t.equal(await world.health(), 'well');
  t.ok((await untilDescriptors(world, before)) <= before + 1, 'descriptors are back');
});

test('500 mutants as upstream answers: nothing unreadable reaches a client, two upstream queries at most', async (t) => {
  const world = await startWorld(t);
  const figures = await sayAsAnswers(t, world, mutants(seeds(), 500));
  t.match(figures, { asked: 500, unreadable: 0, unanswered: 0 });
  t.ok(
    figures.mostQueries <= 2 + figures.resends,
    `${figures.mostQueries}, ${figures.resends} resends`,
  );
  t.equal(await world.health(), 'well');
});

test('the corpus as upstream answers: nothing unreadable reaches a client, two upstream queries at most', {
  skip,
}, async (t) => {
  const world = await startWorld(t);
  const packets = samples().map(({ octets }) => octets);
  const some = packets.filter((_, i) => i % Math.ceil(packets.length / 400) === 0);
  const figures = await sayAsAnswers(t, world, some);
  t.match(figures, { unreadable: 0, unanswered: 0 });
  t.ok(
    figures.mostQueries <= 2 + figures.resends,
    `${figures.mostQueries}, ${figures.resends} resends`,
  );
  t.equal(await world.health(), 'well');
});

test('answers of every type pass unchanged but for ID, TTL, OPT and TC, miss and hit', async (t) => {
  const world = await startWorld(t);
  const cases = generatedCases();
  t.ok(cases.length > 290, `${cases.length} answers`);
  t.same(await identity(t, world, cases), []);
  t.ok(world.upstream.asked.every(({ octets }) => readRequest(octets).edns !== undefined));
});

test('with 64 files and 64 MiB hot names are answered through a flood of random names, and it recovers', async (t) => {
  const linux = process.platform === 'linux';
  if (!linux) {
    t.pass('needs Linux', { skip: 'prlimit and cgroups are of Linux' });
    return;
  }
  const figures = await starve(t, { files: 64, mebibytes: 64 }, 2, 2_000);
  t.comment(figures);
  t.ok(figures.hotAsked > 5, `${figures.hotAsked} asked`);
  t.ok(figures.hotRight >= 0.99 * figures.hotAsked, `${figures.hotRight} of ${figures.hotAsked}`);
  t.ok(figures.recovered, 'it recovers');
});

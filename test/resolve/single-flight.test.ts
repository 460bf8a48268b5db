import fc from 'fast-check';
import { test } from 'tap';
import { Tally } from '../../src/observe/tally.ts';
import { type Flights, FlightsFullError, singleFlight } from '../../src/resolve/single-flight.ts';
import { ownQuery, type Query } from '../../src/resolve/stage.ts';
import { RrType } from '../../src/wire/codes.ts';
import { HandClock, settle } from '../support/hand-clock.ts';
import { type Asked, answer, below, promised, query } from './queries.ts';

const NAME = 'api.example.com.';

function setup(limit = 10) {
  const flights: Flights = new Map();
  const [coalesced, full, crowded] = [new Tally(), new Tally(), new Tally()];
  const clock = new HandClock();
  const { next, asked } = below();
  const resolve = promised(singleFlight(flights, { limit, clock, coalesced, full, crowded })(next));
  return { flights, coalesced, full, crowded, clock, asked, resolve };
}

test('L5: equal questions in flight are one, and get the same answer', async (t) => {
  const { resolve, asked, coalesced, flights } = setup(100);
  const waiting = Array.from({ length: 60 }, (_, i) =>
    resolve(query(NAME, RrType.A, { client: `192.0.2.${i}` })),
  );
  t.equal(asked.length, 1);
  t.equal(coalesced.value, 59);
  const said = answer();
  asked[0]?.resolve(said);
  t.ok((await Promise.all(waiting)).every((got) => got === said));
  t.equal(flights.size, 0);
});

test('L5: whoever asks before it was wanted is joined, and joins', async (t) => {
  const { resolve, asked } = setup();
  const early = resolve(query(NAME, RrType.A, { speculative: true }));
  const client = resolve(query(NAME));
  t.equal(asked.length, 1);
  asked[0]?.resolve(answer());
  t.equal(await early, await client);
});

test('L5: a client that joins makes the question send again, and nobody else does', async (t) => {
  const { resolve, asked } = setup();
  const client = '192.0.2.1';
  void resolve(query(NAME, RrType.A, { client }));
  void resolve(query(NAME, RrType.A, { client }));
  let sends = 0;
  const { again } = asked[0]?.query ?? {};
  if (again === undefined) throw new Error('it cannot be asked again');
  again.send = () => sends++;
  void resolve(query(NAME, RrType.A, { client }));
  t.equal(sends, 1);
  void resolve(ownQuery(NAME, RrType.A));
  t.equal(sends, 1, 'what the program asks itself is no retransmission');
});

test('C1: questions that differ in name, type, class, DO or CD do not share a flight', async (t) => {
  const { resolve, asked } = setup();
  const others: Partial<Query>[] = [
    {},
    { qname: 'www.example.com.' },
    { qtype: RrType.AAAA },
    { qclass: 3 },
    { dnssecOk: true },
    { checkingDisabled: true },
  ];
  for (const other of others) void resolve({ ...query(NAME), ...other });
  t.equal(asked.length, others.length);
});

test('a failure reaches every follower and is then forgotten', async (t) => {
  const { resolve, asked, flights } = setup();
  const leader = resolve(query(NAME));
  const follower = resolve(query(NAME));
  asked[0]?.reject(new Error('no answer'));
  await t.rejects(leader, { message: 'no answer' });
  await t.rejects(follower, { message: 'no answer' });
  t.equal(flights.size, 0);
  void resolve(query(NAME));
  t.equal(asked.length, 2, 'asks again');
});

test('S1: past the limit a new question is refused, and one in flight is still joined', async (t) => {
  const { resolve, asked, clock, full } = setup(3);
  for (const name of ['a.', 'b.', 'c.']) void resolve(query(name));
  await clock.advance(199);
  const refused = new FlightsFullError('questions in flight: 3');
  await t.rejects(resolve(query('d.')), refused);
  t.equal(full.value, 1, 'and that is counted');
  const joined = resolve(query('b.'));
  asked[1]?.resolve(answer());
  await joined;
  void resolve(query('d.'));
  t.equal(asked.length, 4, 'there is room again');
});

test('S1: past the limit a question of 200 ms gives way, the oldest first, and what it asked still counts', async (t) => {
  const { resolve, asked, clock, full, flights } = setup(2);
  const oldest = resolve(query('a.'));
  const follower = resolve(query('a.'));
  await clock.advance(100);
  const younger = resolve(query('b.'));
  await clock.advance(100);
  const newest = resolve(query('c.'));
  const gaveWay = new FlightsFullError('gave way to another: 1 in flight');
  await t.rejects(oldest, gaveWay);
  await t.rejects(follower, gaveWay);
  t.equal(full.value, 1);
  await t.rejects(resolve(query('d.')), FlightsFullError, 'the next oldest is 100 ms old');
  const again = resolve(query('c.'));
  asked[0]?.resolve(answer());
  await settle();
  t.same([...flights.keys()].length, 2, 'who gave way takes no place, and frees none');
  for (const each of asked) each.resolve(answer());
  await Promise.all([younger, newest, again]);
  t.equal(flights.size, 0);
});

test('S1: a question of the client that has most gives way to one that has fewer, at once', async (t) => {
  const { resolve, flights } = setup(4);
  const whose = (client: string) => ({ client });
  const flood = ['a.', 'b.', 'c.', 'd.'].map((name) =>
    resolve(query(name, RrType.A, whose('hog'))),
  );
  const refused = flood.slice(0, 2).map((each) => t.rejects(each, FlightsFullError));
  void resolve(query('x.', RrType.A, whose('quiet')));
  void resolve(query('y.', RrType.A, whose('other')));
  await Promise.all(refused);
  await t.rejects(resolve(query('e.', RrType.A, whose('hog'))), FlightsFullError, 'no more for it');
  await t.rejects(resolve(query('z.', RrType.A, whose('quiet'))), FlightsFullError, 'a fair share');
  t.same(
    Array.from(flights.values(), ({ client }) => client),
    ['hog', 'hog', 'quiet', 'other'],
  );
});

test('S1: who gave way may be asked again, and its late answer ends nothing', async (t) => {
  const { resolve, asked, clock, flights } = setup(1);
  const gaveWay = resolve(query('a.'));
  await clock.advance(200);
  const between = resolve(query('b.'));
  await t.rejects(gaveWay, FlightsFullError);
  await clock.advance(200);
  const successor = resolve(query('a.'));
  await t.rejects(between, FlightsFullError);
  asked[0]?.resolve(answer());
  await settle();
  t.equal(flights.size, 1, 'the second is still out');
  const said = answer();
  asked[2]?.resolve(said);
  t.equal(await successor, said);
  t.equal(flights.size, 0);
});

test('S1: no more queries wait for others than questions may be out', async (t) => {
  const { resolve, asked, crowded } = setup(3);
  const waiting = Array.from({ length: 4 }, () => resolve(query(NAME)));
  await t.rejects(resolve(query(NAME)), new FlightsFullError("queries that wait for others': 3"));
  t.equal(crowded.value, 1);
  waiting.push(resolve(query(NAME, RrType.A, { client: '192.0.2.7' })));
  t.equal(crowded.value, 1, 'another client may wait for its first');
  asked[0]?.resolve(answer());
  await Promise.all(waiting);
  for (let i = 0; i < 4; i++) void resolve(query(NAME));
  t.equal(crowded.value, 1, 'there is room again');
});

test('S1: a client waits for nothing once all that it waited for is answered, and not before', async (t) => {
  const { resolve, asked, crowded } = setup(2);
  const follow = (client: string, name: string) => resolve(query(name, RrType.A, { client }));
  for (const name of ['a.', 'b.']) void resolve(query(name));
  const waiting = ['a.', 'b.'].map((name) => follow('one', name));
  asked[0]?.resolve(answer());
  await waiting[0];
  void follow('other', 'b.');
  await t.rejects(follow('one', 'b.'), FlightsFullError, 'for b. it still waits');
  asked[1]?.resolve(answer());
  await waiting[1];
  void resolve(query('c.'));
  for (const client of ['other', 'other', 'one']) void follow(client, 'c.');
  t.equal(crowded.value, 1, 'whoever waits for nothing is let in');
});

test('S1: speculation has half of the room, so that it never keeps a client out', async (t) => {
  const { resolve, asked } = setup(4);
  const speculative = { speculative: true };
  for (const name of ['a.', 'b.']) void resolve(query(name, RrType.A, speculative));
  await t.rejects(resolve(query('c.', RrType.A, speculative)), FlightsFullError);
  for (const name of ['c.', 'd.']) void resolve(query(name));
  t.equal(asked.length, 4);
});

test('L5: in any order of asking and answering, one flight for each question and nothing left behind', async (t) => {
  const step = fc.oneof(
    fc.record({ ask: fc.constantFrom('a.', 'b.', 'c.') }),
    fc.record({ answer: fc.nat(5), well: fc.boolean() }),
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
    const story = new Story();
    for (const each of steps) {
      if ('ask' in each) story.ask(each.ask);
      else await story.answer(each.answer, each.well);
      story.check();
    }
  });
  await t.resolves(fc.assert(property, { includeErrorInReport: true }));
});

/** The table beside a model of it: which names are in flight, at most two. */
class Story {
  private readonly stage = setup(2);
  private readonly open = new Map<string, Asked>();

  ask(name: string): void {
    const { resolve, asked } = this.stage;
    const before = asked.length;
    void resolve(query(name)).catch(() => undefined);
    const started = asked.length > before ? asked.at(-1) : undefined;
    const expected = !this.open.has(name) && this.open.size < 2;
    if ((started !== undefined) !== expected) throw new Error(`${name} asked wrongly`);
    if (started !== undefined) this.open.set(name, started);
  }

  async answer(index: number, well: boolean): Promise<void> {
    const [name, flight] = [...this.open][index % Math.max(1, this.open.size)] ?? [];
    if (name === undefined || flight === undefined) return;
    if (well) flight.resolve(answer());
    else flight.reject(new Error('no answer'));
    this.open.delete(name);
    await settle();
  }

  check(): void {
    const { size } = this.stage.flights;
    if (size !== this.open.size) throw new Error(`in flight: ${size}, not ${this.open.size}`);
  }
}

test('a bug above one of those who wait is told to that one, and keeps the answer from nobody', async (t) => {
  const bug = new TypeError('broken');
  const { next, asked } = below();
  const nothing = new Tally();
  const resolve = singleFlight(new Map(), {
    limit: 10,
    clock: new HandClock(),
    coalesced: nothing,
    full: nothing,
    crowded: nothing,
  })(next);
  const told: unknown[] = [];
  const broken = {
    onAnswer: () => {
      throw bug;
    },
    onFailure: (error: unknown) => told.push(error),
  };
  const said = answer();
  resolve(query(NAME), broken);
  resolve(query(NAME), broken);
  const sound = promised(resolve)(query(NAME));
  asked[0]?.resolve(said);
  t.equal(await sound, said);
  t.same(told, [bug, bug]);
});

test('a bug below ends the flight: the next one asks anew', (t) => {
  const bug = new TypeError('broken');
  const nothing = new Tally();
  const flights: Flights = new Map();
  const told: unknown[] = [];
  const resolve = singleFlight(flights, {
    limit: 10,
    clock: new HandClock(),
    coalesced: nothing,
    full: nothing,
    crowded: nothing,
  })(() => {
    throw bug;
  });
  resolve(query(NAME), { onAnswer: () => t.fail('answered'), onFailure: (e) => told.push(e) });
  t.same(told, [bug]);
  t.equal(flights.size, 0);
  t.end();
});

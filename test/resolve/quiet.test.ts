import { test } from 'tap';
import { Quiet } from '../../src/resolve/quiet.ts';

/** A route whose answers in the cluster zone have taken `usual` until now. */
function heard(usual: number): Quiet {
  const quiet = new Quiet();
  for (let at = 0; at < 1_000; at += 10) {
    quiet.asked('zone', at);
    quiet.heard('zone', at + usual, usual);
  }
  return quiet;
}

test('N9: upstream counts as away after four times what its answers take, 400 ms at least and 3 s at most', (t) => {
  for (const [usual, span] of [
    [1, 400],
    [150, 600],
    [600, 2_400],
    [2_000, 3_000],
  ] as const) {
    const quiet = heard(usual);
    quiet.asked('zone', 10_000);
    t.equal(quiet.from('zone', 10_100), 10_000 + span, `${usual} ms`);
  }
  const fresh = new Quiet();
  fresh.asked('zone', 10_000);
  t.equal(fresh.from('zone', 10_100), 10_800, 'nothing is known of it');
  t.end();
});

test('N9: it counts from the first question that is owed, and any answer begins it anew', (t) => {
  const quiet = heard(1);
  quiet.asked('zone', 10_000);
  quiet.asked('zone', 10_200);
  t.equal(quiet.from('zone', 10_200), 10_400);
  quiet.asked('other', 10_250);
  quiet.heard('other', 10_300, 50);
  t.equal(quiet.from('zone', 10_350), 10_700, 'for what is still out');
  quiet.asked('zone', 20_000);
  t.equal(quiet.from('zone', 20_000), 20_400);
  t.end();
});

test('N9: a question that was left alone long ago says nothing of now', (t) => {
  const quiet = heard(1);
  quiet.asked('zone', 10_000);
  quiet.asked('zone', 11_999);
  t.ok(quiet.from('zone', 11_999) < 11_999, 'asked all the time');
  quiet.asked('zone', 13_999);
  t.equal(quiet.from('zone', 13_999), 14_399);
  t.end();
});

test('N9: a slow recursion says nothing of the zone; a silent zone speaks for all', (t) => {
  const quiet = heard(1);
  quiet.asked('other', 10_000);
  t.equal(quiet.from('other', 10_000), 10_800);
  quiet.asked('zone', 10_700);
  t.equal(quiet.from('zone', 10_700), 11_100);
  quiet.asked('other', 10_701);
  const both = heard(1);
  both.asked('zone', 10_000);
  both.asked('other', 10_300);
  t.equal(both.from('other', 10_300), 10_400);
  t.equal(both.from('other', 12_000), 11_100, 'unless nobody asks in it any more');
  t.end();
});

test('N9: what answers take is an average in which a new one weighs an eighth', (t) => {
  const quiet = heard(100);
  quiet.asked('zone', 10_000);
  quiet.heard('zone', 10_900, 900);
  quiet.asked('zone', 20_000);
  t.equal(quiet.from('zone', 20_000), 20_800, 'four times 200 ms');
  t.end();
});

test('N9: after an answer the silence is counted from the next question', (t) => {
  for (const [of, span] of [
    ['zone', 400],
    ['other', 800],
  ] as const) {
    const quiet = new Quiet();
    quiet.asked(of, 100);
    t.equal(quiet.from(of, 100), 900, 'the first one of all');
    quiet.heard(of, 101, 1);
    quiet.asked(of, 600);
    t.equal(quiet.from(of, 600), 600 + span, of);
  }
  t.end();
});

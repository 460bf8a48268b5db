import fc from 'fast-check';
import { test } from 'tap';
import { Fate, type Faults, noFaults } from '../../src/demo/cluster-faults.ts';

const peer = (port: number) => ({ address: '127.0.0.1', port });

function fateWith(faults: Partial<Faults>, seed = 1) {
  return new Fate({ ...noFaults(), ...faults }, seed);
}

const NAME = 'git.example.com.';

test('the next datagrams are lost, then no more', async (t) => {
  const fate = fateWith({ dropNext: 2 });
  const fates = [1, 2, 3].map((port) => fate.ofDatagram(peer(port), 0, NAME));
  t.strictSame(fates, ['lost', 'lost', undefined]);
});

test('nothing is answered before its time, over TCP either', async (t) => {
  const fate = fateWith({ silentUntil: 3000 });
  t.equal(fate.ofDatagram(peer(1), 2999, NAME), 'silent');
  t.equal(fate.ofStreamQuestion(2999), 'silent');
  t.equal(fate.ofDatagram(peer(1), 3000, NAME), undefined);
  t.equal(fate.ofStreamQuestion(3000), undefined);
});

test('the race takes the second datagram of a socket, at once after the first, and no other', async (t) => {
  const fate = fateWith({ raceRatio: 1 });
  t.equal(fate.ofDatagram(peer(1), 0, NAME), undefined, 'the first makes the entry');
  t.equal(fate.ofDatagram(peer(2), 0.1, NAME), undefined, 'another socket');
  t.equal(fate.ofDatagram(peer(1), 0.2, NAME), 'race');
  t.equal(fate.ofDatagram(peer(1), 0.3, NAME), undefined, 'the entry stands');
  t.equal(fate.ofDatagram(peer(2), 20.2, NAME), undefined, 'not at once');
});

test('a socket that was silent for 30 s races again', async (t) => {
  const fate = fateWith({ raceRatio: 1 });
  fate.ofDatagram(peer(1), 0, NAME);
  fate.ofDatagram(peer(1), 1, NAME);
  t.equal(fate.ofDatagram(peer(1), 31_000, NAME), undefined);
  t.equal(fate.ofDatagram(peer(1), 31_001, NAME), 'race');
});

test('luck is a ratio, and the same for the same seed', async (t) => {
  const run = (lossRatio: number, seed: number) => {
    const fate = fateWith({ lossRatio }, seed);
    return Array.from({ length: 400 }, (_, port) => fate.ofDatagram(peer(port), 0, NAME));
  };
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.2, max: 0.8, noNaN: true }), (seed, ratio) => {
        const lost = run(ratio, seed).filter((each) => each === 'lost').length;
        // Five standard deviations of 400 draws.
        return Math.abs(lost - 400 * ratio) < 5 * Math.sqrt(400 * ratio * (1 - ratio));
      }),
    ),
  );
  t.strictSame(run(0.3, 7), run(0.3, 7));
  t.notSame(run(0.3, 7), run(0.3, 8));
});

test('a middlebox drops a second datagram of a name that comes close behind the first, from whatever socket', (t) => {
  const fate = fateWith({ dropsRepeats: true });
  t.equal(fate.ofDatagram(peer(1), 0, NAME), undefined);
  t.equal(fate.ofDatagram(peer(2), 1, NAME), 'repeat');
  t.equal(fate.ofDatagram(peer(3), 1, 'api.example.com.'), undefined, 'another name');
  t.equal(fate.ofDatagram(peer(4), 21, NAME), undefined, 'later');
  t.end();
});

import { test } from 'tap';
import { type Outage, throughOutage } from '../support/outage.ts';

/** Twice a second a server is probed for which questions wait (U6); then there are five steps to walk. */
const SOON = 600;

const OUTAGES: readonly Outage[] = [
  { libc: 'musl', kind: 'silent', span: 6_250, every: 100 },
  { libc: 'musl', kind: 'refused', span: 7_200, every: 100 },
  { libc: 'glibc', kind: 'silent', span: 6_250, every: 50 },
  { libc: 'glibc', kind: 'refused', span: 9_500, every: 50 },
  { libc: 'glibc', kind: 'silent', span: 5_300, every: 3_700 },
];

for (const outage of OUTAGES) {
  const { libc, kind, span, every } = outage;
  test(`U2, U6: new names each ${every} ms by ${libc}: found ${SOON} ms after ${span} ms of a server that is ${kind}`, async (t) => {
    const sufferers = await throughOutage(outage);
    t.ok(sufferers.length > 0, 'there was an outage');
    t.match(
      sufferers.filter(({ outcome }) => outcome === 'not-found'),
      [],
      'nothing that exists is denied',
    );
    const last = Math.max(...sufferers.map(({ ended }) => ended));
    t.ok(last <= SOON, `the last that failed or was slow ended ${last} ms after it was back`);
  });
}

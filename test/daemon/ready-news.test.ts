import { test } from 'tap';
import { ReadyNews } from '../../src/daemon/ready-news.ts';
import { HandClock } from '../support/hand-clock.ts';

/** News that somebody waits for, and whether that has ended. */
function setup() {
  const clock = new HandClock();
  const news = new ReadyNews(clock);
  let over = false;
  void news.spread().then(() => {
    over = true;
  });
  const pass = async (span: number): Promise<boolean> => {
    await settled();
    await clock.advance(span);
    await settled();
    return over;
  };
  return { news, pass };
}

/** Lets what is resolved go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('news of readiness are out behind the answer to the first client', async (t) => {
  const { news, pass } = setup();
  t.notOk(await pass(50), 'nobody has asked');
  news.tell();
  t.notOk(await pass(0), 'its answer is being written');
  t.ok(await pass(1));
});

test('where no client asks, news of readiness are out after 0.1 s', async (t) => {
  const { pass } = setup();
  t.notOk(await pass(99));
  await pass(1);
  t.ok(await pass(1));
});

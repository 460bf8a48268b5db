import { test } from 'tap';
import { shownBy } from './bites.ts';
import { SOUND_DRAW } from './draw.ts';

const breaks = (what: string) => async () => [what];
const holds = async () => undefined;

test('a draw shows a fault that breaks the law, where the law holds without it', async (t) => {
  t.strictSame(await shownBy(SOUND_DRAW, { broken: breaks('late'), sound: holds }), ['late']);
});

test('a draw that breaks the law without the fault as well shows nothing', async (t) => {
  t.equal(await shownBy(SOUND_DRAW, { broken: breaks('late'), sound: breaks('later') }), undefined);
});

test('a draw that keeps the law with the fault shows nothing, and is not tried without it', async (t) => {
  const sound = () => t.fail('tried without the fault');
  t.equal(await shownBy(SOUND_DRAW, { broken: holds, sound: async () => void sound() }), undefined);
});

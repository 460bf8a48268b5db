import { test } from 'tap';
import { loadKoffi } from '../../src/listen/libc.ts';

const { platform, arch } = process;
/** Of glibc alone: on musl koffi's own way is taken. */
const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
const hasAddon =
  platform === 'linux' &&
  ['x64', 'arm64'].includes(arch) &&
  header.glibcVersionRuntime !== undefined;

/** Only koffi's own JavaScript knows the functions that are deprecated. */
const isWhole = (koffi: object): boolean => 'resolve' in koffi;

test('the addon is loaded without what stands around it', { skip: !hasAddon }, async (t) => {
  const koffi = loadKoffi();
  t.notOk(isWhole(koffi), 'koffi has moved it: decision 4 tells what that costs');
  t.equal(koffi.load(null).func('int abs(int)')(-3), 3);
});

test('where the addon is not found, koffi finds its own', { skip: !hasAddon }, async (t) => {
  const koffi = loadKoffi('@koromix/koffi-linux-none/koffi.node');
  t.ok(isWhole(koffi));
  t.equal(koffi.load(null).func('int abs(int)')(-3), 3);
});

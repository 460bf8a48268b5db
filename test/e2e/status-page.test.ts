// The status page in a real Chromium: what a person sees, with axe's eyes too.
import { accessSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { test } from 'tap';
import { type RunningSidestub, startSidestub } from '../observe/running-sidestub.ts';

const CHROMIUM = '/usr/bin/chromium';
/** No network but the loopback: the browser itself asks nobody for updates, either. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Kept after the run, and outside of git: .tap is tap's own. */
const SHOTS = join(import.meta.dirname, '../../.tap/screenshots');
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const BOUND = 20_000;

test('the status page', async (t) => {
  if (!isThere(CHROMIUM)) {
    const { SIDESTUB_E2E: mode } = process.env;
    if (mode === 'required') t.fail('not installed: chromium');
    else t.pass('needs a browser', { skip: 'not installed: chromium' });
    return;
  }
  mkdirSync(SHOTS, { recursive: true });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  t.teardown(() => browser.close());
  const sidestub = await startSidestub(t, { settings: { status: { names: true } } });
  for (const name of ['git.example.com', 'packages.example.com', 'nginx', 'gone.example.com']) {
    await sidestub.lookup(name);
  }
  await haveASlowAndAFailedLookup(sidestub);

  for (const [name, options] of Object.entries(LOOKS)) {
    await t.test(`${name}: readable, nothing cut off, 0 violations of accessibility`, async (t) => {
      const { page, requests, problems } = await open(browser, sidestub.url, options);
      t.teardown(() => page.context().close());
      t.equal(await page.title(), 'sidestub');
      t.ok(await page.getByText('ready', { exact: true }).isVisible());
      await page.screenshot({ path: join(SHOTS, `${name}-first-sight.png`) });
      for (const summary of await page.locator('details summary').all()) await summary.click();
      await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
      await page.locator('#lookups').screenshot({ path: join(SHOTS, `${name}-lookups.png`) });
      const wide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
      t.notOk(wide, 'no scrolling sideways');
      t.strictSame(await violations(page), []);
      t.strictSame(problems, [], 'nothing in the console');
      const others = requests.filter((url) => !url.startsWith(sidestub.url));
      t.strictSame(others, [], 'no third party');
    });
  }

  await t.test('it renews itself: what is looked up now is there without a reload', async (t) => {
    const { page } = await open(browser, sidestub.url);
    t.teardown(() => page.context().close());
    const total = () => page.locator('#answers tbody tr').allInnerTexts();
    const before = await total();
    await page.evaluate(() => Object.assign(globalThis, { unbroken: true }));
    await sidestub.lookup('wiki.corp.example');
    await until(async () => (await total()).join() !== before.join());
    t.equal(await page.evaluate('globalThis.unbroken'), true, 'the page is the same one');
  });

  await t.test('what a reader has opened stays open and keeps the focus', async (t) => {
    const { page } = await open(browser, sidestub.url);
    t.teardown(() => page.context().close());
    const first = page.locator('details').last();
    await first.locator('summary').focus();
    await page.keyboard.press('Enter');
    const before = await page.locator('#lookups details').count();
    await haveASlowAndAFailedLookup(sidestub, 'wiki.corp.example.');
    await until(async () => (await page.locator('#lookups details').count()) > before);
    t.ok(
      await page
        .locator('details')
        .last()
        .getAttribute('open')
        .then((open) => open !== null),
    );
    t.equal(await page.evaluate('document.activeElement.tagName'), 'SUMMARY');
  });

  await t.test('it can be paused, by keyboard, and says so (WCAG 2.2.2)', async (t) => {
    const { page, requests } = await open(browser, sidestub.url, {}, (fresh) =>
      fresh.clock.install(),
    );
    t.teardown(() => page.context().close());
    const askedIn = async (span: number) => {
      const before = requests.length;
      await page.clock.runFor(span);
      await page.waitForLoadState('networkidle');
      return requests.length - before;
    };
    t.ok((await askedIn(5_000)) > 0, 'it is renewed');
    await page.getByRole('button', { name: 'Pause' }).focus();
    await page.keyboard.press('Space');
    t.ok(await page.getByRole('button', { name: 'Go on', pressed: true }).isVisible());
    t.equal(await askedIn(10_000), 0, 'nothing is asked meanwhile');
    await page.keyboard.press('Space');
    t.ok((await askedIn(5_000)) > 0, 'it goes on');
  });

  await t.test('without script it is all there, and says how to renew it', async (t) => {
    const { page } = await open(browser, sidestub.url, { javaScriptEnabled: false });
    t.teardown(() => page.context().close());
    t.ok(await page.getByText('Reload the page').isVisible());
    t.ok(await page.getByRole('heading', { name: 'Upstreams' }).isVisible());
    t.notOk(await page.getByRole('button').isVisible());
    const rows = await page.locator('#configuration .settings > div').count();
    t.ok(rows > 25, `${rows} settings`);
  });

  await t.test('when sidestub is gone, the page says that it is old', async (t) => {
    const { page } = await open(browser, sidestub.url);
    t.teardown(() => page.context().close());
    await sidestub.stop();
    await page.getByText('No answer from sidestub').waitFor({ timeout: BOUND });
    t.pass('said');
  });
});

const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  'desk-light': { colorScheme: 'light', viewport: { width: 1_280, height: 900 } },
  'desk-dark': { colorScheme: 'dark', viewport: { width: 1_280, height: 900 } },
  'phone-light': { colorScheme: 'light', viewport: { width: 360, height: 740 }, isMobile: true },
  'phone-dark': { colorScheme: 'dark', viewport: { width: 360, height: 740 }, isMobile: true },
};

async function open(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  prepare: (page: Page) => Promise<void> = () => Promise.resolve(),
) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await prepare(page);
  const requests: string[] = [];
  const problems: string[] = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.goto(url);
  return { page, requests, problems };
}

/** By every rule of WCAG 2.2 that axe knows, and its best practices. */
async function violations(page: Page): Promise<string[]> {
  // Through the debugger: the page's own policy lets no script in.
  await page.evaluate(readFileSync(AXE, 'utf8'));
  const found = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`),
  );
}

/** One above half a second, and one that fails: cluster DNS is slow, then silent. */
async function haveASlowAndAFailedLookup(
  { cluster, lookup }: RunningSidestub,
  failing = 'broken.corp.example.',
): Promise<void> {
  cluster.faults.delay = 600;
  await lookup(`slow-${cluster.asked.length}.example.com`);
  cluster.faults.delay = 5;
  cluster.faults.missing = [{ suffix: 'corp.example.', a: 'servfail', aaaa: 'servfail' }];
  await lookup(failing);
  cluster.faults.missing = [];
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + BOUND;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not in ${BOUND} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isThere(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

import { callsByAddress } from './local-request.ts';
import { type Page, type PageOf, WRONG_HOST } from './status-server.ts';
import type { StatusView } from './status-view.ts';

export interface StatusPagesOptions {
  readonly view: () => StatusView;
  /**
   * Whether a request may address the server by any name. If not, only `localhost` and addresses are accepted:
   * otherwise a web site could point a name of its own to 127.0.0.1 and read the page in its visitor's browser.
   */
  readonly anyHost: boolean;
}

/**
 * The page for people and its parts; each part is loaded when it is requested.
 *
 * The content security policy allows only what this server serves: no third party is contacted, and nothing in a name
 * or a setting can become script.
 */
export function statusPages({ view, anyHost }: StatusPagesOptions): Map<string, PageOf> {
  const guarded = (page: () => Promise<Page>): PageOf => {
    return (request) => (anyHost || callsByAddress(request) ? page() : Promise.resolve(WRONG_HOST));
  };
  return new Map<string, PageOf>([
    ['/', guarded(async () => htmlPage((await import('./status-page.ts')).statusPage(view())))],
    [
      '/live',
      guarded(async () => htmlPage((await import('./status-page.ts')).statusSections(view()))),
    ],
    [
      '/status.css',
      guarded(async () => asset('text/css', (await import('./status-style.ts')).STATUS_STYLE)),
    ],
    [
      '/status.js',
      guarded(async () =>
        asset('text/javascript', (await import('./status-script.ts')).STATUS_SCRIPT),
      ),
    ],
    ['/icon.svg', guarded(() => Promise.resolve(asset('image/svg+xml', ICON)))],
  ]);
}

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0b5cad"/><path d="M3 8h6M6 5l3 3-3 3M12 3v10" stroke="#fff" stroke-width="2" fill="none"/></svg>\n`;

function htmlPage(body: string): Page {
  return { status: 200, type: 'text/html; charset=utf-8', body, headers: HEADERS };
}

function asset(type: string, body: string): Page {
  return { status: 200, type: `${type}; charset=utf-8`, body, headers: HEADERS };
}

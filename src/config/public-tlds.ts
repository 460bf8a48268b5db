import tlds from 'tlds' with { type: 'json' };

/** Country codes that are also common words: `app.ai` or `db.in` may be a service in a namespace (N4). */
const words = new Set('ai ci qa me in is it to at be no so us my'.split(' '));
const generic = ['com', 'net', 'org', 'edu', 'gov', 'info', 'io'];

/**
 * The top-level labels that `search.public` holds by default (N4).
 *
 * Every two-letter label in the IANA list is a country code: ISO 3166-1 alpha-2 is the only source for them (RFC 1591 §2).
 */
export function publicTlds(): readonly string[] {
  const countries = tlds.filter(
    (tld) => tld.length === 2 && /^[a-z]{2}$/.test(tld) && !words.has(tld),
  );
  return [...new Set([...generic, ...countries])];
}

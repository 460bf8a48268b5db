/** Largest first, so that {@link formatSize} finds the shortest form. */
const units: ReadonlyMap<string, number> = new Map([
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['B', 1],
]);

/**
 * Parses `16MiB`, `512KiB`, `1GiB` or `4096B` as octets.
 *
 * @throws {Error} For anything else, including `MB`, which is ambiguous.
 */
export function parseSize(text: string): number {
  const match = /^(\d{1,12})(B|KiB|MiB|GiB)$/.exec(text);
  const unit = units.get(match?.[2] ?? '');
  if (match === null || unit === undefined) {
    throw new Error(`not a size such as 512KiB, 16MiB or 1GiB: ${JSON.stringify(text)}`);
  }
  return Number(match[1]) * unit;
}

/** The shortest form that {@link parseSize} reads back. Whole octets only. */
export function formatSize(octets: number): string {
  if (octets === 0) return '0B';
  for (const [name, unit] of units) if (octets % unit === 0) return `${octets / unit}${name}`;
  return `${octets}B`;
}

/**
 * Pearson's statistic of how often each octet value comes, against all of them coming equally often.
 *
 * With 255 degrees of freedom a uniform source stays below {@link CHI_SQUARE_LIMIT} but once in ten million draws.
 */
export function chiSquare(octets: readonly number[]): number {
  const counts = new Array<number>(256).fill(0);
  for (const octet of octets) counts[octet] = (counts[octet] ?? 0) + 1;
  const expected = octets.length / 256;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/** The quantile of chi square with 255 degrees of freedom at 1 - 10^-7. */
export const CHI_SQUARE_LIMIT = 386;

/** Pearson's r of each value with the next: 0 for what cannot be foretold; 5 / sqrt(n) is five deviations from it. */
export function serialCorrelation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let covariance = 0;
  let variance = 0;
  values.forEach((value, i) => {
    variance += (value - mean) ** 2;
    const next = values[i + 1];
    if (next !== undefined) covariance += (value - mean) * (next - mean);
  });
  return covariance / variance;
}

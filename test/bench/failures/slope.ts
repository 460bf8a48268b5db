/** How fast something grows, and by how much that is only a guess. */
export interface Slope {
  readonly slope: number;
  /** Two standard errors. */
  readonly noise: number;
}

/** What a block of neighbours comes to: their mean, or the lowest of them, where what matters is what never goes away. */
export type BlockValue = 'mean' | 'lowest';

/** Blocks of so many make a point: neighbours in time share a garbage collector's tooth, and are no independent witnesses. */
const BLOCKS = 12;

/**
 * The straight line through points in time.
 *
 * @param points - In order of time: when, in any unit, and how much.
 * @returns In what `how much` is counted in, for each unit of time.
 */
export function slopeOf(
  points: readonly (readonly [at: number, value: number])[],
  each: BlockValue = 'mean',
): Slope {
  const means = blocks(points, each);
  const count = means.length;
  const middle = mean(means.map(([at]) => at));
  const level = mean(means.map(([, value]) => value));
  const spread = sum(means.map(([at]) => (at - middle) ** 2));
  const slope = sum(means.map(([at, value]) => (at - middle) * (value - level))) / spread;
  const misses = means.map(([at, value]) => value - level - slope * (at - middle));
  const variance = sum(misses.map((miss) => miss ** 2)) / (count - 2);
  return { slope, noise: 2 * Math.sqrt(variance / spread) };
}

function blocks(
  points: readonly (readonly [number, number])[],
  each: BlockValue,
): [number, number][] {
  const size = Math.max(1, Math.floor(points.length / BLOCKS));
  const means: [number, number][] = [];
  for (let at = 0; at + size <= points.length; at += size) {
    const block = points.slice(at, at + size);
    const values = block.map(([, value]) => value);
    means.push([
      mean(block.map(([when]) => when)),
      each === 'mean' ? mean(values) : Math.min(...values),
    ]);
  }
  return means;
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

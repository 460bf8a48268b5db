import { LRUCache } from 'lru-cache';

/**
 * A map of at most `max` entries that evicts the least recently used (S1), and whose memory grows as it fills: with its
 * own `max`, lru-cache allocates everything at once, 100 KiB for each of the dozen that a daemon has.
 *
 * @param dispose - Called for each value that is evicted, deleted or replaced.
 */
export function lruMap<K extends {}, V extends {}>(
  max: number,
  dispose?: (value: V) => void,
): LRUCache<K, V> {
  return new LRUCache<K, V>({
    maxSize: max,
    sizeCalculation: () => 1,
    ...(dispose === undefined ? {} : { dispose: (value) => dispose(value) }),
  });
}

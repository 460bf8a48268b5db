import { LRUCache } from 'lru-cache';

/**
 * A map of at most `max` entries, from which the least recently used goes (S1), and which takes memory as it fills: with
 * its own `max`, lru-cache sets all of it aside at once, 100 KiB for each of the dozen that a daemon has.
 *
 * @param dispose - Told of each value that is evicted, deleted or replaced.
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

/** Names that a story has cached before the attack. */
export const HOT: readonly string[] = Array.from({ length: 100 }, (_, i) => `hot${i}.example.`);

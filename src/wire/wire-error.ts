/**
 * Octets that are not the DNS message they claim to be. Its text says what is wrong, where, and the value that was
 * found.
 */
export class WireError extends Error {
  override readonly name = 'WireError';
}

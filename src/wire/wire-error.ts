/** Octets that are not the DNS message they claim to be. Its message names what, where and the value found. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

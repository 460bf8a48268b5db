import type { Endpoint } from '../endpoint.ts';

/** Something that takes queries on one address. */
export interface Listener {
  /** Where it listens: the port is the kernel's choice when 0 was asked for. */
  readonly endpoint: Endpoint;
  /** Takes no more queries; those in flight may still be answered until this resolves. */
  close(): Promise<void>;
}

import { WireError } from '../../src/wire/wire-error.ts';

/**
 * What a reader makes of hostile octets: its view, or `undefined` where it refused them.
 *
 * Any error but a {@link WireError} goes through: it would be a bug (style 6).
 */
export function viewOrWireError<View>(read: () => View): View | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

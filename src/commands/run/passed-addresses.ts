import { formatOrigin } from '../../config/layer.ts';
import type { Loaded } from '../../config/load.ts';
import { formatEndpoint } from '../../endpoint.ts';
import type { PassedSockets } from '../../listen/passed-sockets.ts';

/**
 * Under socket activation the daemon listens only on the sockets that the service manager has bound: the socket unit
 * decides. A different `listen.addresses` is reported in a note.
 */
export function listeningOn(passed: readonly PassedSockets[], loaded: Loaded): Loaded {
  if (passed.length === 0) return loaded;
  const { settings, origins, notes } = loaded;
  const addresses = passed.map(({ endpoint }) => endpoint);
  const shown = addresses.map(formatEndpoint).join(', ');
  const origin = origins.get('listen.addresses');
  const configured = settings.listen.addresses.map(formatEndpoint).join(', ');
  const overruled = origin !== undefined && origin.kind !== 'default' && configured !== shown;
  const note = {
    place: origin === undefined ? 'listen.addresses' : formatOrigin(origin),
    reason: `listen.addresses ${configured}: the socket unit decides, and has ${shown}`,
  };
  return {
    settings: { ...settings, listen: { ...settings.listen, addresses } },
    origins,
    notes: overruled ? [...notes, note] : notes,
  };
}

import type { buildConnector, Client } from 'undici';
import type { Milliseconds } from '../clock.ts';
import { UpstreamError } from './exchange.ts';
import type { TlsDialer } from './tls-dialer.ts';

/**
 * An HTTP/2 client that connects through `dialer`, and again when its connection is gone.
 *
 * undici is loaded here and nowhere else: it costs 10 MiB, which only they pay who configured DoH.
 *
 * @param onConnect - Called for each connection, before anything is asked over it.
 */
export async function httpsClient(
  origin: string,
  dialer: Dialer,
  onConnect: () => void,
): Promise<Client> {
  const { Client } = await import('undici');
  return new Client(origin, {
    connect: connector(dialer, onConnect),
    keepAliveTimeout: IDLE,
    // Whoever asks decides how long to wait.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: MAX_MESSAGE_OCTETS,
  });
}

/** What of a dialer is used. */
type Dialer = Pick<TlsDialer, 'name' | 'dial'>;

/** As over TCP: below what servers close after on their own. */
const IDLE: Milliseconds = 5_000;
/** RFC 8484 §6. */
const MAX_MESSAGE_OCTETS = 65_535;

/** Hands out a socket when the server has proven who it is and agreed to HTTP/2. */
function connector(dialer: Dialer, onConnect: () => void): buildConnector.connector {
  return (_options, callback) => {
    let handedOut = false;
    let problem: Error = new UpstreamError('network', `${dialer.name} closed before it was ready`);
    const socket = dialer.dial((opened) => {
      if (opened.alpnProtocol !== 'h2') {
        // RFC 8484 §5.2: what is older would have to queue one question behind the other.
        opened.destroy(new UpstreamError('network', `${dialer.name} does not speak HTTP/2`));
        return;
      }
      handedOut = true;
      onConnect();
      callback(null, opened);
    });
    // Listened to for as long as the socket lives: undici adds its own when it gets it.
    socket.on('error', (error) => {
      problem = error;
    });
    // Whatever went wrong. Of what was handed out undici knows, and would take it for the end of the connection that it
    // has begun since.
    socket.on('close', () => {
      if (!handedOut) callback(problem, null);
    });
    return socket;
  };
}

import type { Clock } from '../clock.ts';
import { type Endpoint, formatEndpoint } from '../endpoint.ts';
import type { PassedSockets } from '../listen/passed-sockets.ts';
import type { Responder } from '../listen/responder.ts';
import { listenTcp, type TcpEvents, type TcpLimits } from '../listen/tcp.ts';
import type { chooseUdp } from '../listen/udp-io.ts';
import { onOnePort } from '../listen-at.ts';

export interface ListenersOptions {
  readonly listenUdp: ReturnType<typeof chooseUdp>;
  readonly responder: Responder;
  readonly clock: Clock;
  /** How many threads listen on the addresses, this one among them. */
  readonly threads: number;
  readonly limits: TcpLimits;
  readonly events: TcpEvents;
  /** Addresses that a service manager has bound for us; a reload keeps these sockets. */
  readonly passed: readonly PassedSockets[];
}

interface Pair {
  readonly endpoint: Endpoint;
  close(): Promise<void>;
}

/** Every address by itself, over UDP and TCP on the same port (L1). */
export class Listeners {
  private readonly options: ListenersOptions;
  /** By the configured address: after a reload, an address with port 0 keeps the port it got. */
  private open = new Map<string, Pair>();

  constructor(options: ListenersOptions) {
    this.options = options;
  }

  /** Where it listens, with the ports that the kernel chose. */
  get endpoints(): Endpoint[] {
    return Array.from(this.open.values(), ({ endpoint }) => endpoint);
  }

  /**
   * Listens on exactly these addresses; those that stay the same are not touched, so that they lose no query (S2).
   *
   * @throws {ListenError} When one cannot be bound; then nothing has changed.
   */
  async change(addresses: readonly Endpoint[]): Promise<void> {
    const wanted = new Map<string, Pair>();
    const added: Pair[] = [];
    try {
      for (const address of addresses) {
        const name = formatEndpoint(address);
        const known = this.open.get(name);
        const pair = known ?? (await onOnePort(address.port, () => this.listen(address)));
        if (known === undefined) added.push(pair);
        wanted.set(name, pair);
      }
    } catch (error) {
      await Promise.all(added.map((pair) => pair.close()));
      throw error;
    }
    const gone = [...this.open].filter(([name]) => !wanted.has(name));
    this.open = wanted;
    await Promise.all(gone.map(([, pair]) => pair.close()));
  }

  async close(): Promise<void> {
    await this.change([]);
  }

  private async listen(address: Endpoint): Promise<Pair> {
    const { listenUdp, responder, limits, clock, events, threads, passed } = this.options;
    const name = formatEndpoint(address);
    const sockets = passed.find(({ endpoint }) => formatEndpoint(endpoint) === name);
    const udp = await listenUdp(address, responder, sockets?.udp);
    try {
      const options = { limits, clock, events, threads };
      const tcp = await listenTcp(udp.endpoint, responder, options, sockets?.tcp);
      const close = async () => {
        await Promise.all([udp.close(), tcp.close()]);
      };
      return { endpoint: udp.endpoint, close };
    } catch (error) {
      await udp.close();
      throw error;
    }
  }
}

import type { Clock, Milliseconds, Timer } from '../clock.ts';
import type { UpstreamTransport } from '../vocabulary.ts';
import type { Exchange } from './transport.ts';

/**
 * Which transport a server is asked over first (U2): the configured one, but TCP while UDP is dead. UDP counts as dead
 * after three questions in a row that were answered over TCP while their datagrams were not; probes then find out when
 * it is back, so that no client waits for that.
 */
export class TransportChoice {
  private readonly configured: UpstreamTransport;
  private readonly clock: Clock;
  private readonly probe: () => Exchange | undefined;
  private silent = 0;
  private udpIsDead = false;
  private probing: Exchange | undefined;
  private nextProbe: Timer | undefined;

  /** @param probe - Sends a datagram; its reply is reported by {@link heard}. */
  constructor(configured: UpstreamTransport, clock: Clock, probe: () => Exchange | undefined) {
    this.configured = configured;
    this.clock = clock;
    this.probe = probe;
  }

  get first(): UpstreamTransport {
    return this.udpIsDead ? 'tcp' : this.configured;
  }

  /** @param udpWasSilent - The question went to TCP because its datagrams were not answered. */
  heard(transport: UpstreamTransport, udpWasSilent: boolean): void {
    if (transport === 'udp') {
      this.silent = 0;
      this.udpIsDead = false;
      this.close();
    } else if (udpWasSilent && this.first === 'udp' && ++this.silent >= SILENT_QUESTIONS) {
      this.udpIsDead = true;
      this.probeEvery(FIRST_PROBE);
    }
  }

  close(): void {
    this.nextProbe?.cancel();
    this.nextProbe = undefined;
    this.probing?.close();
    this.probing = undefined;
  }

  private probeEvery(interval: Milliseconds): void {
    this.probing?.close();
    this.probing = this.probe();
    this.nextProbe = this.clock.after(interval, () => {
      this.probeEvery(Math.min(LAST_PROBE, 2 * interval));
    });
  }
}

/**
 * After so many silent questions in a row UDP counts as dead. If 20 % of the datagrams get no reply, and each question
 * sends two before TCP, chance does that once in 15,000 times. The first probe is sent at once, and brings UDP back.
 */
const SILENT_QUESTIONS = 3;
/** From the first probe to the second; each later pause is twice as long. */
const FIRST_PROBE: Milliseconds = 1_000;
/** How late UDP that works again is noticed; until then each question costs no more than TCP does. */
const LAST_PROBE: Milliseconds = 30_000;

import type { Milliseconds } from '../clock.ts';
import type { Reply } from './reply.ts';
import type { Exchange, ReplyListener, Suspicion } from './transport.ts';
import type { TransportKind } from './upstream-tallies.ts';

/** Who has sent a message, and is told what came of it. */
export interface SendOwner {
  onReply(send: Send, reply: Reply): void;
  onFailure(send: Send, error: Error): void;
  onSuspicion(suspicion: Suspicion): void;
  /** Whether the question may go out once more over this transport; counts it. */
  takeSend(transport: TransportKind): boolean;
}

/** One message of a question: it hears for the question, so that each send is one object and no closures. */
export class Send implements ReplyListener {
  readonly transport: TransportKind;
  readonly at: Milliseconds;
  readonly edns: boolean;
  /** Absent only while it is being sent. */
  exchange: Exchange | undefined;
  private readonly owner: SendOwner;

  constructor(owner: SendOwner, transport: TransportKind, at: Milliseconds, edns: boolean) {
    this.owner = owner;
    this.transport = transport;
    this.at = at;
    this.edns = edns;
  }

  onReply(reply: Reply): void {
    this.owner.onReply(this, reply);
  }

  onFailure(error: Error): void {
    this.owner.onFailure(this, error);
  }

  onSuspicion(suspicion: Suspicion): void {
    this.owner.onSuspicion(suspicion);
  }

  takeSend(): boolean {
    return this.owner.takeSend(this.transport);
  }
}

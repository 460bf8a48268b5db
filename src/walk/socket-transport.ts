import { createSocket } from 'node:dgram';
import { createConnection, isIPv6 } from 'node:net';
import type { Endpoint } from '../endpoint.ts';
import { Deframer, frame } from '../wire/frame.ts';
import type { AskSocket, AskTransport, SocketListener } from './ask-socket.ts';

/** The machine's own sockets. Each keeps the process alive until it is closed. */
export const socketTransport: AskTransport = {
  udp: (listener, peer) => (peer === undefined ? unconnected(listener) : connected(listener, peer)),
  tcp: openStream,
};

/** An unconnected socket, as musl uses (M3). It is bound at the first send, when the family of its peers is known. */
function unconnected(listener: SocketListener): AskSocket {
  let socket: AskSocket | undefined;
  return {
    send(octets, to) {
      socket ??= datagramSocket(listener, to, false);
      socket.send(octets, to);
    },
    close: () => socket?.close(),
  };
}

function connected(listener: SocketListener, peer: Endpoint): AskSocket {
  return datagramSocket(listener, peer, true);
}

function datagramSocket(listener: SocketListener, peer: Endpoint, connect: boolean): AskSocket {
  const socket = createSocket({
    type: isIPv6(peer.address) ? 'udp6' : 'udp4',
    // Addresses are literal: the libc's resolver would ask the very servers that are examined here.
    lookup: (address, _options, done) => done(null, address, isIPv6(address) ? 6 : 4),
  });
  let open = true;
  const ready = Promise.withResolvers<void>();
  let lost = false;
  // A refusal is reported on the socket or by the next send, and often by both.
  const onLost = () => {
    if (open && !lost) listener.onClosed();
    lost = true;
  };
  socket.on('message', (octets, { address, port }) => {
    if (open) listener.onMessage(octets, { address, port });
  });
  // ICMP port unreachable: reported on a connected socket only.
  socket.on('error', onLost);
  if (connect) socket.connect(peer.port, peer.address, () => ready.resolve());
  else socket.bind(0, () => ready.resolve());
  return {
    send(octets, to) {
      const done = (error: Error | null) => {
        if (error !== null && connect) onLost();
      };
      void ready.promise.then(() => {
        if (!open) return;
        if (connect) socket.send(octets, done);
        else socket.send(octets, to.port, to.address, done);
      });
    },
    close() {
      if (!open) return;
      open = false;
      socket.close();
    },
  };
}

function openStream(listener: SocketListener, peer: Endpoint): AskSocket {
  const connection = createConnection({ host: peer.address, port: peer.port });
  const deframer = new Deframer();
  let open = true;
  connection.on('data', (chunk: Uint8Array) => {
    for (const octets of deframer.push(chunk)) if (open) listener.onMessage(octets, peer);
  });
  // 'close' follows every error and the peer's end; a client does not need the error itself.
  connection.on('error', () => {});
  connection.on('end', () => connection.destroy());
  connection.on('close', () => {
    if (open) listener.onClosed();
  });
  return {
    send: (octets) => {
      connection.write(frame(octets));
    },
    close() {
      open = false;
      connection.destroy();
    },
  };
}

// A UDP relay that holds each answer back, since not every kernel has netem. How long is read from a file each second.
// TCP passes as it is: CoreDNS asks on over TCP what it was asked over TCP.
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const [address, port, to, toPort, file] = process.argv.slice(2);
let delay = 10;
const read = () => {
  delay = Number(readFileSync(file, 'utf8'));
};
read();
setInterval(read, 1_000);
const front = createSocket('udp4');
front.on('message', (octets, from) => {
  const back = createSocket('udp4');
  const end = setTimeout(() => back.close(), 5_000);
  back.once('message', (reply) => {
    clearTimeout(end);
    back.close();
    // Below 0: nobody answers.
    if (delay >= 0) setTimeout(() => front.send(reply, from.port, from.address), delay);
  });
  back.send(octets, Number(toPort), to);
});
front.bind(Number(port), address);
createServer((client) => {
  const server = connect(Number(toPort), to);
  client.pipe(server).pipe(client);
  for (const socket of [client, server]) {
    socket.on('error', () => {
      client.destroy();
      server.destroy();
    });
  }
}).listen(Number(port), address);

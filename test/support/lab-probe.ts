// Asks the status server for the lab from inside the pod, where 127.0.0.1 is the pod's own.
import { get } from 'node:http';
import { createInterface } from 'node:readline';

const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);

let commands = 0;
say({ done: commands });

for await (const line of createInterface({ input: process.stdin })) {
  const { url }: { url: string } = JSON.parse(line);
  say({ done: ++commands, ...(await fetchText(url)) });
}

/** A status of 0 where nobody listens yet. */
function fetchText(url: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve) => {
    const nobody = () => resolve({ status: 0, body: '' });
    const request = get(url, { agent: false, timeout: 2_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', nobody);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', nobody);
  });
}

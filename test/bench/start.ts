import { interleaved, readOptions, withServer } from './interleaved.ts';

/**
 * From the spawn to the first answer, with the real configuration read and one question to the upstream.
 *
 * @param args - As `readOptions`.
 */
export async function run(args: string[]): Promise<void> {
  const columns = [{ name: 'ms', digits: 0 }];
  const figures = { name: 'start', title: 'From the spawn to the first answer', columns, drawn: 0 };
  await interleaved(readOptions(args), figures, (bench, contestant) =>
    withServer(bench, contestant, (server) => Promise.resolve([server.startedIn])),
  );
}

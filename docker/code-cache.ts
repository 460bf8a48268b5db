// `npm run build`, behind rolldown: V8's bytecode of what that has built, so that nobody who starts it has to compile it.
import { resolve } from 'node:path';
import { writeCodeCache } from './write-code-cache.ts';

const [folder, node = process.execPath, ...words] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write(
    'usage: code-cache.ts FOLDER [NODE...]: what rolldown has built, and how its Node is called\n',
  );
  process.exitCode = 2;
} else {
  await writeCodeCache(resolve(folder), [node, ...words]);
}

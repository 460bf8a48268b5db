import { runFolder } from './folder.ts';

await runFolder('daemon');

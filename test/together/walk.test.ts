import { runFolder } from './folder.ts';

await runFolder('walk');

import { runFolder } from './folder.ts';

await runFolder('kubernetes/manifest');

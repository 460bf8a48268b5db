import { runFolders } from './folder.ts';

await runFolders('kubernetes/manifest');

import { runFolders } from './folder.ts';

await runFolders('kubernetes', 'kubernetes/certificate', 'kubernetes/mesh', 'kubernetes/runner');

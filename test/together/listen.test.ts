import { runFolders } from './folder.ts';

await runFolders('listen');

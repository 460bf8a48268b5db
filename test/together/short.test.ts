import { runFolders } from './folder.ts';

await runFolders('.', 'bench', 'demo', 'docs', 'lint', 'mutation', 'never-worse', 'rules');

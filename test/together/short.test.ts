import { runFolders } from './folder.ts';

await runFolders('.', 'bench', 'boot', 'demo', 'docs', 'lint', 'mutation', 'never-worse', 'rules');

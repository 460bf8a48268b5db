import { runFolders } from './folder.ts';

await runFolders('commands/explain', 'commands/inject', 'commands/query', 'commands/wait');

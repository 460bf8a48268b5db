// `npm run meshes [-- istio | kyverno]`: has their own code make what the tests hold sidestub against.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Document, isScalar, type Pair, visit } from 'yaml';
import { chosenOf } from '../../../docker/script-flags.ts';
import { ISTIO, Istio } from './istio.ts';
import { evaluateKyverno, KYVERNO } from './kyverno.ts';
import { needed, rendered, renderings } from './renderings.ts';
import { istioRules } from './rules.ts';

const PODS = join(import.meta.dirname, '../inject/pods');

const chosen = chosenOf(process.argv.slice(2), ['istio', 'kyverno']);
if (chosen.includes('istio')) await istio();
if (chosen.includes('kyverno')) await kyverno();

async function istio(): Promise<void> {
  const injector = await Istio.build();
  for (const rendering of renderings) {
    const head = [
      `# ${rendering.says}.`,
      `# Rendered by \`npm run meshes\` with istio.io/istio ${ISTIO}; its containers are shortened.`,
    ];
    const pod = needed(await rendered(injector, rendering));
    write(join(PODS, `${rendering.name}.yaml`), head, pod);
  }
  for (const [file, rules] of await istioRules(injector)) {
    const head = `# The rules of the test pod ${basename(file, '.rules')}, by istio.io/istio ${ISTIO}.\n`;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${head}${rules}`);
    process.stdout.write(`${file}\n`);
  }
  injector.end();
}

async function kyverno(): Promise<void> {
  const head = [
    '# What k8s/kyverno/opt-in.yaml makes of namespaces.',
    `# Rendered by \`npm run meshes\` with github.com/kyverno/kyverno ${KYVERNO}.`,
  ];
  write(join(import.meta.dirname, 'kyverno.yaml'), head, await evaluateKyverno());
}

function write(file: string, head: readonly string[], value: unknown): void {
  const document = new Document(value, { aliasDuplicateObjects: false, sortMapEntries: nameFirst });
  visit(document, {
    Map: (key, map) => {
      if (typeof key === 'number') map.flow = map.items.every(({ value: each }) => isScalar(each));
    },
  });
  writeFileSync(file, `${head.join('\n')}\n${document.toString({ lineWidth: 0 })}`);
  process.stdout.write(`${file}\n`);
}

/** Go's maps have another order each time. */
function nameFirst(a: Pair, b: Pair): number {
  const rank = ({ key }: Pair) => (String(key) === 'name' ? '' : String(key));
  return rank(a) < rank(b) ? -1 : 1;
}

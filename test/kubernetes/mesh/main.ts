// `npm run meshes [-- istio | linkerd | kyverno]`: has their own code make what the tests hold sidestub against.
// Linkerd's charts are read from LINKERD2, a clone of its repository; without that they are left out.
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Document, isScalar, type Pair, visit } from 'yaml';
import { unpackTool } from '../../../docker/kubernetes-tools.ts';
import { chosenOf, refuse } from '../../../docker/script-flags.ts';
import { ISTIO, Istio } from './istio.ts';
import { evaluateKyverno, KYVERNO } from './kyverno.ts';
import {
  installations,
  LINKERD,
  type LinkerdName,
  linkerdPatches,
  linkerdPod,
  renderLinkerd,
} from './linkerd.ts';
import { needed, rendered, renderings } from './renderings.ts';
import { istioRules } from './rules.ts';

const PODS = join(import.meta.dirname, '../inject/pods');

const words = process.argv.slice(2);
const chosen = chosenOf(words, ['istio', 'linkerd', 'kyverno']);
if (chosen.includes('istio')) await istio();
if (chosen.includes('linkerd')) linkerd();
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

function linkerd(): void {
  const { LINKERD2: checkout } = process.env;
  if (checkout === undefined) {
    if (words.includes('linkerd')) refuse('LINKERD2 has to be a clone of linkerd2');
    process.stdout.write(
      'without LINKERD2, a clone of linkerd2, what Linkerd makes stays as it is\n',
    );
    return;
  }
  const helm = unpackTool('helm');
  if (helm instanceof Error) throw helm;
  const read = Object.entries(LINKERD).map(([file, commit]) => `#   charts/${file} ${commit}`);
  const head = [
    "# What Linkerd's injector answers for a pod that has nothing; its containers are shortened.",
    "# Rendered by `npm run meshes -- linkerd` from linkerd2's charts:",
    ...read,
  ];
  write(join(import.meta.dirname, 'linkerd.yaml'), head, renderLinkerd(helm, checkout));
  helm.remove();
  const patches = linkerdPatches();
  for (const name of Object.keys(installations) as LinkerdName[]) {
    const about = [
      `# ${installations[name].says}.`,
      "# Rendered by `npm run meshes` from Linkerd's own chart; its containers are shortened.",
    ];
    write(join(PODS, `${name}.yaml`), about, linkerdPod(name, patches));
  }
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

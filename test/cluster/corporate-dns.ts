import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the corporate resolver answers; git.corp.example is there, too. */
export const CORPORATE = '192.168.78.53';

/** How many names of a number corp.example and example.net have: for lookups that no cache helps with. */
export const NUMBERED = 4_000;

/** Writes the Corefile and the zones of the corporate resolver, which answers for the outside world as well. */
export function writeCorporateDns(folder: string): void {
  const numbered = Array.from({ length: NUMBERED }, (_, i) => `n${i} 60 IN A 192.0.2.99`);
  const zones: Readonly<Record<string, readonly string[]>> = {
    'corp.example': [`git 300 IN A ${CORPORATE}`, 'registry 300 IN A 192.0.2.11', ...numbered],
    'example.com': [
      'www 300 IN A 192.0.2.12',
      'git 300 IN A 192.0.2.13',
      'git 300 IN AAAA 2001:db8::13',
    ],
    'example.org': ['api 300 IN A 192.0.2.14'],
    'example.net': numbered,
  };
  const blocks = Object.entries(zones).map(([zone, records]) => {
    const head = [
      `$ORIGIN ${zone}.`,
      `@ 300 IN SOA ns.${zone}. root.${zone}. 1 3600 600 86400 60`,
      `@ 300 IN NS ns.${zone}.`,
      'ns 300 IN A 192.0.2.1',
    ];
    writeFileSync(join(folder, `zone.${zone}`), `${[...head, ...records].join('\n')}\n`);
    const file = `file /run/node/node/zone.${zone} {\n    reload 1s\n  }`;
    return `${zone}:5300 {\n  errors\n  log . "{name} {type} {rcode}"\n  ${file}\n}\n`;
  });
  const root =
    '. 300 IN SOA a.root-servers.net. nstld.verisign-grs.com. 2026010100 1800 900 604800 300';
  const rest = `template ANY ANY . {\n    rcode NXDOMAIN\n    authority "${root}"\n  }`;
  blocks.push(`.:5300 {\n  errors\n  log . "{name} {type} {rcode}"\n  ${rest}\n}\n`);
  writeFileSync(join(folder, 'Corefile.corp'), blocks.join(''));
}

import { type Draw, type Faults, SOUND } from './draw.ts';

/** What is drawn about a whole experiment, and what of it is the usual case that says nothing. */
function kindsOfDraw({ servers, name, list, routes, warm, nodeDaemon }: Draw): string[] {
  return [
    `name ${name}`,
    `list ${list}`,
    ...(servers.length > 1 ? ['two servers'] : []),
    ...(routes === 'IPv4' ? ['routes IPv4 alone'] : []),
    ...(warm ? ['warm'] : []),
    ...(nodeDaemon ? ['node daemon'] : []),
    ...servers.flatMap(kindsOfFaults),
  ];
}

function kindsOfFaults({ tcp, edns, reply, says, mute, away, refused }: Faults): string[] {
  return [
    ...(tcp === SOUND.tcp ? [] : [`TCP ${tcp}`]),
    ...(edns === SOUND.edns ? [] : [`EDNS ${edns}`]),
    ...(reply === SOUND.reply ? [] : [`reply ${reply}`]),
    ...(says === undefined ? [] : [`says ${says.rcode}`]),
    ...(mute === undefined ? [] : ['mute']),
    ...(away === undefined ? [] : ['away']),
    ...(refused === undefined ? [] : ['refused by the own kernel']),
  ];
}

/** How many of the draws are of which kind, most first: one draw is of several. */
export function kindsOf(draws: readonly Draw[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const draw of draws) {
    for (const kind of new Set(kindsOfDraw(draw))) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return new Map([...counts].toSorted(([, one], [, other]) => other - one));
}

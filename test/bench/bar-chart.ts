/** Bars with one scale. */
export interface Panel {
  readonly title: string;
  readonly digits: number;
  readonly bars: readonly { readonly name: string; readonly value: number }[];
}

const BAR = 18;
const HEAD = 30;
/** A letter of a label, about. */
const LETTER = 7;
const WIDTH = 420;
/** For the number at the end of the longest bar. */
const NUMBER = 45;
const COLUMNS = 2;

/** An SVG with panels side by side, drawn so that it can be read on a light and on a dark page. */
export function barChart(panels: readonly Panel[]): string {
  const columns = Math.min(COLUMNS, panels.length);
  const height = HEAD + BAR * Math.max(...panels.map(({ bars }) => bars.length)) + 8;
  const rows = Math.ceil(panels.length / columns);
  const drawn = panels.map((panel, i) => {
    const x = (i % columns) * WIDTH;
    const y = Math.floor(i / columns) * height;
    return `<g transform="translate(${x} ${y})">\n${drawPanel(panel)}\n</g>`;
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${columns * WIDTH} ${rows * height}" ` +
    `font-family="sans-serif" font-size="12" fill="#707a85">\n${drawn.join('\n')}\n</svg>\n`
  );
}

function drawPanel({ title, digits, bars }: Panel): string {
  const labels = 10 + LETTER * Math.max(...bars.map(({ name }) => name.length));
  const scale = (WIDTH - labels - NUMBER) / Math.max(...bars.map(({ value }) => value));
  const lines = bars.map(({ name, value }, i) => {
    const y = HEAD + i * BAR;
    const length = (value * scale).toFixed(1);
    const fill = name.startsWith('sidestub') ? '#2a7de1' : '#8a94a0';
    return (
      `<text x="${labels - 8}" y="${y + 11}" text-anchor="end">${name}</text>` +
      `<rect x="${labels}" y="${y}" width="${length}" height="${BAR - 4}" fill="${fill}"/>` +
      `<text x="${(labels + value * scale + 5).toFixed(1)}" y="${y + 11}">${value.toFixed(digits)}</text>`
    );
  });
  return `<text x="0" y="16" font-weight="bold">${title}</text>\n${lines.join('\n')}`;
}

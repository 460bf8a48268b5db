/** Between a number and its unit: no line ends there. */
const NBSP = '\u00a0';

/** A span in a suitable unit; a dash if it is not known. @param seconds - In seconds. */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined) return '–';
  if (seconds < 0.001)
    return seconds === 0 ? `0${NBSP}ms` : `${(seconds * 1e6).toFixed(0)}${NBSP}µs`;
  if (seconds < 1) return `${significant(seconds * 1_000)}${NBSP}ms`;
  if (seconds < 120) return `${significant(seconds)}${NBSP}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}${NBSP}min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}${NBSP}h` : `${Math.floor(hours / 24)}${NBSP}d`;
}

export function perSecond(events: number, seconds: number): string {
  return `${significant(events / seconds)}/s`;
}

/** With a thin space between thousands, as readers of every language understand. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

export function share(part: number, whole: number): string {
  return whole === 0 ? '–' : `${significant((100 * part) / whole)}${NBSP}%`;
}

/** Memory, in binary units. */
export function octets(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let size = value;
  let unit = 0;
  while (size >= 1_024 && unit < units.length - 1) {
    size /= 1_024;
    unit++;
  }
  return `${significant(size)}${NBSP}${units[unit]}`;
}

/** Three digits that matter below 100, whole numbers above. */
function significant(value: number): string {
  if (value >= 100) return count(Math.round(value));
  return String(Number(value.toPrecision(value < 10 ? 2 : 3)));
}

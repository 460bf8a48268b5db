import { addressText } from '../../wire/address.ts';
import { RrType } from '../../wire/codes.ts';
import { uint16, uint32 } from '../../wire/header.ts';
import { skipName } from '../../wire/name.ts';
import type { Rr } from '../../wire/record.ts';
import { WireError } from '../../wire/wire-error.ts';

/**
 * The RDATA of a record in presentation form; `\# LENGTH HEX` for types that have none here, and for RDATA that is not
 * what its type says.
 *
 * @see RFC 1035 §5.1, RFC 2782 (SRV), RFC 3597 §5
 */
export function rdataText({ type, rdata }: Rr): string {
  const layout = layouts.get(type);
  if (layout === undefined) return genericText(rdata);
  const fields = new Fields(rdata);
  try {
    const texts = layout.map((field) => fields[field]());
    return fields.atEnd ? texts.join(' ') : genericText(rdata);
  } catch (error) {
    if (error instanceof WireError) return genericText(rdata);
    throw error;
  }
}

/** A name in uncompressed wire octets, in presentation form with its case. */
export function nameText(octets: Uint8Array): string {
  return new Fields(octets).name();
}

type Field = 'address4' | 'address6' | 'number16' | 'number32' | 'name' | 'strings';

const layouts: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [RrType.A, ['address4']],
  [RrType.AAAA, ['address6']],
  [RrType.NS, ['name']],
  [RrType.CNAME, ['name']],
  [RrType.PTR, ['name']],
  [RrType.MX, ['number16', 'name']],
  [RrType.TXT, ['strings']],
  [RrType.SRV, ['number16', 'number16', 'number16', 'name']],
  [RrType.SOA, ['name', 'name', 'number32', 'number32', 'number32', 'number32', 'number32']],
]);

/** What has a meaning of its own in a name, and in a quoted string (RFC 1035 §5.1). */
const NAME_SPECIALS = '."\\;@$()';
const STRING_SPECIALS = '"\\';

/** Reads the fields of RDATA one after the other. Each throws {@link WireError} when the octets end before it does. */
class Fields {
  private readonly octets: Uint8Array;
  private at = 0;

  constructor(octets: Uint8Array) {
    this.octets = octets;
  }

  get atEnd(): boolean {
    return this.at === this.octets.length;
  }

  number16(): string {
    return String(uint16(this.take(2), 0));
  }

  number32(): string {
    return String(uint32(this.take(4), 0));
  }

  address4(): string {
    return addressText(this.take(4));
  }

  address6(): string {
    return addressText(this.take(16));
  }

  name(): string {
    const end = skipName(this.octets, this.at);
    let text = '';
    while (this.at < end - 1) {
      const [length = 0] = this.take(1);
      text += `${escaped(this.take(length), NAME_SPECIALS)}.`;
    }
    this.take(1);
    return text === '' ? '.' : text;
  }

  strings(): string {
    const texts: string[] = [];
    do {
      const [length = 0] = this.take(1);
      texts.push(`"${escaped(this.take(length), STRING_SPECIALS)}"`);
    } while (!this.atEnd);
    return texts.join(' ');
  }

  private take(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.octets.length) throw new WireError(`RDATA ends before ${end}`);
    const taken = this.octets.subarray(this.at, end);
    this.at = end;
    return taken;
  }
}

function escaped(octets: Uint8Array, specials: string): string {
  let text = '';
  for (const octet of octets) {
    const character = String.fromCharCode(octet);
    // A blank is plain in a quoted string only.
    const printable = octet > 0x20 && octet < 0x7f;
    if (specials.includes(character)) text += `\\${character}`;
    else if (printable || (octet === 0x20 && specials === STRING_SPECIALS)) text += character;
    else text += `\\${String(octet).padStart(3, '0')}`;
  }
  return text;
}

function genericText(rdata: Uint8Array): string {
  const hex = Buffer.from(rdata).toString('hex').toUpperCase();
  return hex === '' ? '\\# 0' : `\\# ${rdata.length} ${hex}`;
}

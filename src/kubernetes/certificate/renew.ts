import { X509Certificate } from 'node:crypto';
import { type Issued, issueCertificate } from './issue.ts';

/** The decoded entries of a Secret; one that it does not have is absent. */
export type SecretData = Readonly<Record<string, string>>;

/** What has to be written, in this order, so that every API server and every pod agree at every moment. */
export interface Renewal {
  /** The authorities that the API server should trust: PEM, one after the other. */
  readonly bundle: string;
  /** The new content of the Secret; `undefined` to leave it as it is. */
  readonly secret?: SecretData;
  /** When the certificate ends. */
  readonly until: Date;
}

const DAYS = 90;
/** Renewed in the last third of its life, as cert-manager does. */
const RENEWED_BEFORE = 30 * 86_400_000;

/**
 * Decides whether the certificate of a Secret is renewed. The bundle of a new one includes the previous authority: pods
 * read a new Secret up to two minutes after it was written, and present the old certificate until then.
 *
 * @param names - The names that the certificate must cover.
 */
export function renew(data: SecretData, names: readonly string[], now: Date): Renewal {
  const { 'tls.crt': certificate = '', 'ca.crt': bundle = '' } = data;
  const until = endOf(data, names);
  if (until !== undefined && until.getTime() - now.getTime() > RENEWED_BEFORE) {
    return { bundle, until };
  }
  const issued = issueCertificate(names, now, DAYS);
  const before = certificate === '' ? [] : authorities(bundle).slice(0, 1);
  return renewalOf(issued, before);
}

function renewalOf(issued: Issued, before: readonly string[]): Renewal {
  const bundle = [issued.authority, ...before].join('');
  return {
    bundle,
    secret: { 'tls.crt': issued.certificate, 'tls.key': issued.key, 'ca.crt': bundle },
    until: new X509Certificate(issued.certificate).validToDate,
  };
}

/** When a certificate ends; `undefined` for one that is missing, cannot be read, or does not cover these names. */
function endOf(data: SecretData, names: readonly string[]): Date | undefined {
  try {
    const { 'tls.crt': certificate = '', 'ca.crt': bundle = '' } = data;
    const own = new X509Certificate(certificate);
    const [authority = ''] = authorities(bundle);
    const vouched = own.verify(new X509Certificate(authority).publicKey);
    const fits = names.every((name) => own.checkHost(name) !== undefined);
    return vouched && fits && data['tls.key'] !== undefined ? own.validToDate : undefined;
  } catch {
    return undefined;
  }
}

function authorities(bundle: string): readonly string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
}

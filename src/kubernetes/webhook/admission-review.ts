import { JsonField } from '../inject/json-field.ts';
import type { JsonPatch } from '../inject/json-patch.ts';
import { PodError } from '../inject/pod-error.ts';
import { isNestedDeeper } from './json-depth.ts';

/** A request of the API server: what matters here of an AdmissionReview of `admission.k8s.io/v1`. */
export interface AdmissionRequest {
  /** Must be repeated in the response. */
  readonly uid: string;
  readonly kind: string;
  readonly operation: string;
  /** The namespace of the object: a pod made by a controller does not name it. */
  readonly namespace: string | undefined;
  readonly object: unknown;
}

/** The response. Always allowed: a pod without sidestub is better than no pod. */
export interface AdmissionAnswer {
  readonly patch: JsonPatch;
  /** kubectl shows them to the user who creates the pod. */
  readonly warnings: readonly string[];
  /** Kept in the audit log, behind the webhook's name. */
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

/** A request that cannot be answered: it is no AdmissionReview of v1, or it has no uid. */
export class ReviewError extends Error {
  override readonly name = 'ReviewError';
}

const API_VERSION = 'admission.k8s.io/v1';
const KIND = 'AdmissionReview';

/**
 * Reads a review.
 *
 * @throws {ReviewError} If it is not a review of version v1; the message says where.
 */
export function readReview(text: string): AdmissionRequest {
  const review = new JsonField(parse(text), '');
  try {
    const version = `${review.member('apiVersion').text()} ${review.member('kind').text()}`;
    if (version !== `${API_VERSION} ${KIND}`) {
      throw new ReviewError(`not an ${KIND} of ${API_VERSION}: ${version.slice(0, 100)}`);
    }
    const request = review.member('request');
    const uid = request.member('uid').text();
    if (uid === undefined || uid === '') throw new ReviewError('request.uid: not there');
    return {
      uid,
      kind: request.member('kind').member('kind').text() ?? '',
      operation: request.member('operation').text() ?? '',
      namespace: request.member('namespace').text(),
      object: request.member('object').unread(),
    };
  } catch (error) {
    if (error instanceof PodError) throw new ReviewError(error.message, { cause: error });
    throw error;
  }
}

/** S1: a Pod is some fifteen deep, its managedFields included. */
const MAX_DEPTH = 200;

function parse(text: string): unknown {
  if (isNestedDeeper(text, MAX_DEPTH)) throw new ReviewError(`nested deeper than ${MAX_DEPTH}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ReviewError(`not JSON: ${error instanceof Error ? error.message : error}`);
  }
}

/** The review as JSON, to be sent back. */
export function renderReview(uid: string, answer: AdmissionAnswer): string {
  const { patch, warnings, auditAnnotations } = answer;
  const patched = {
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
  };
  const response = {
    uid,
    allowed: true,
    ...(patch.length > 0 ? patched : {}),
    ...(warnings.length > 0 ? { warnings: warnings.map(presentable) } : {}),
    auditAnnotations,
  };
  return JSON.stringify({ apiVersion: API_VERSION, kind: KIND, response });
}

/** The API server cuts a warning at 256 characters and recommends 120. */
const MAX_WARNING = 240;

/** Names in it were not validated yet: a warning travels as an HTTP header. */
function presentable(warning: string): string {
  const line = `sidestub: ${warning}`.replaceAll(/[^\x20-\x7e]/g, '?');
  return line.length > MAX_WARNING ? `${line.slice(0, MAX_WARNING)}...` : line;
}

import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** The address of the API server, and the credentials of a pod. */
export interface ClusterAccess {
  readonly host: string;
  readonly port: string;
  readonly token: string;
  /** Authority of the API server's certificate, PEM. */
  readonly authority: string;
  /** The namespace of this pod. */
  readonly namespace: string;
}

/** The API server refused a request, or could not be reached. */
export class ClusterApiError extends Error {}

/** A request without a response for this long has failed. */
const TIMEOUT = 10_000;

/**
 * What a pod knows about the API server from its environment and its service account.
 *
 * @param folder - Of the service account.
 * @throws {ClusterApiError} Outside a pod, and in a pod without a token.
 */
export function clusterAccess(
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): ClusterAccess {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (host === undefined) throw new ClusterApiError('this is no pod: no KUBERNETES_SERVICE_HOST');
  try {
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
    const [token, authority, namespace] = [read('token'), read('ca.crt'), read('namespace')];
    return { host, port, token, authority, namespace };
  } catch (error) {
    throw new ClusterApiError(`no service account: ${String(error)}`, { cause: error });
  }
}

/**
 * Sends a request to the API server.
 *
 * @param patch - A merge patch (RFC 7396) for the object at the path; without one, the object is read.
 * @throws {ClusterApiError} For an answer other than success, with the server's message.
 */
export async function callCluster(
  { host, port, token, authority }: ClusterAccess,
  path: string,
  patch?: object,
): Promise<unknown> {
  const type = patch === undefined ? {} : { 'Content-Type': 'application/merge-patch+json' };
  const headers = { Authorization: `Bearer ${token}`, Accept: 'application/json', ...type };
  const method = patch === undefined ? 'GET' : 'PATCH';
  const what = `${method} ${path}`;
  const { status, body } = await new Promise<{ status: number; body: string }>(
    (resolve, reject) => {
      const options = { host, port, path, method, headers, ca: authority, timeout: TIMEOUT };
      const sent = request(options, (response) => {
        text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
      });
      sent.on('timeout', () => sent.destroy(new Error(`no answer in ${TIMEOUT / 1_000} s`)));
      sent.on('error', reject);
      sent.end(patch === undefined ? undefined : JSON.stringify(patch));
    },
  ).catch((error: Error) => {
    throw new ClusterApiError(`${what}: ${error.message}`, { cause: error });
  });
  if (status >= 300) throw new ClusterApiError(`${what}: ${status} ${messageOf(body)}`);
  return JSON.parse(body);
}

function messageOf(body: string): string {
  try {
    return JSON.parse(body).message ?? body;
  } catch {
    return body;
  }
}

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { text } from 'node:stream/consumers';

/** What came back. */
export interface Reply {
  readonly status: number;
  readonly body: string;
}

export interface Sending {
  readonly port: number;
  /** The authority to believe; nothing else is. */
  readonly ca: string;
  readonly body: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
}

/** Sends a request as the API server does. */
export async function send(sending: Sending): Promise<Reply> {
  const { port, ca, body, method = 'POST', path = '/inject?timeout=5s', agent } = sending;
  const own = agent ?? new Agent({ ca });
  const outgoing = request({
    host: '127.0.0.1',
    port,
    ca,
    method,
    path,
    agent: own,
    headers: { 'content-type': 'application/json', ...sending.headers },
  });
  outgoing.end(body);
  try {
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, body: await text(response) };
  } finally {
    if (agent === undefined) own.destroy();
  }
}

/** An AdmissionReview about a pod that is made. */
export function reviewOf(object: unknown, more: object = {}): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      operation: 'CREATE',
      namespace: 'gitlab-jobs',
      userInfo: { username: 'system:serviceaccount:gitlab:runner' },
      object,
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
      ...more,
    },
  });
}

/** The response inside a review, with its patch decoded. */
export function responseOf({ body }: Reply) {
  const { apiVersion, kind, response } = JSON.parse(body);
  const { patch, ...rest } = response;
  const decoded =
    patch === undefined ? undefined : JSON.parse(Buffer.from(patch, 'base64').toString());
  return { apiVersion, kind, response: rest, patch: decoded };
}

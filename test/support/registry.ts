import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';

/** A registry of images and charts in this process, as far as pushing and pulling need one. */
export interface Registry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Manifests by `PATH:TAG` and `PATH@DIGEST`. */
  readonly manifests: ReadonlyMap<string, Buffer>;
  /** What clients signed in with. */
  readonly credentials: ReadonlySet<string | undefined>;
}

/** @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md */
export async function startRegistry(t: Test): Promise<Registry> {
  const store = new Store();
  const server = createServer((request, response) => {
    store.answer(request, response).catch((error: Error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { host: `127.0.0.1:${port}`, ...store };
}

class Store {
  readonly manifests = new Map<string, Buffer>();
  readonly credentials = new Set<string | undefined>();
  private readonly types = new Map<string, string>();
  private readonly blobs = new Map<string, Buffer>();
  private readonly uploads = new Map<string, Buffer[]>();

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = request;
    if (headers.authorization === undefined) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"' }).end();
      return;
    }
    this.credentials.add(Buffer.from(headers.authorization.slice(6), 'base64').toString());
    const url = new URL(request.url ?? '/', 'http://registry');
    const body = await buffer(request);
    const [, path = '', kind = '', name = ''] =
      /^\/v2\/(.+)\/(manifests|blobs|blobs\/uploads)\/([^/]*)$/.exec(url.pathname) ?? [];
    if (path === '') response.writeHead(200).end('{}');
    else if (kind === 'manifests') this.manifest(method, path, name, headers, body, response);
    else if (kind === 'blobs')
      send(response, this.blobs.get(name), 'application/octet-stream', method);
    else this.upload(method, path, name, url.searchParams.get('digest'), body, response);
  }

  private manifest(
    method: string,
    path: string,
    name: string,
    headers: IncomingMessage['headers'],
    body: Buffer,
    response: ServerResponse,
  ): void {
    const key = (reference: string) =>
      `${path}${reference.startsWith('sha256:') ? '@' : ':'}${reference}`;
    if (method !== 'PUT') {
      const found = this.manifests.get(key(name));
      send(response, found, this.types.get(key(name)) ?? '', method);
      return;
    }
    const digest = digestOf(body);
    for (const reference of [name, digest]) {
      this.manifests.set(key(reference), body);
      this.types.set(key(reference), headers['content-type'] ?? '');
    }
    const location = `/v2/${path}/manifests/${digest}`;
    response.writeHead(201, { Location: location, 'Docker-Content-Digest': digest }).end();
  }

  private upload(
    method: string,
    path: string,
    name: string,
    digest: string | null,
    body: Buffer,
    response: ServerResponse,
  ): void {
    const id = name === '' ? `${this.uploads.size}` : name;
    const parts = this.uploads.get(id) ?? [];
    parts.push(body);
    this.uploads.set(id, parts);
    const done = digest !== null && method !== 'PATCH';
    if (done) this.blobs.set(digestOf(Buffer.concat(parts)), Buffer.concat(parts));
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    response
      .writeHead(done ? 201 : 202, {
        Location: done ? `/v2/${path}/blobs/${digest}` : `/v2/${path}/blobs/uploads/${id}`,
        Range: `0-${Math.max(0, length - 1)}`,
      })
      .end();
  }
}

function digestOf(octets: Buffer): string {
  return `sha256:${createHash('sha256').update(octets).digest('hex')}`;
}

function send(
  response: ServerResponse,
  found: Buffer | undefined,
  type: string,
  method: string,
): void {
  if (found === undefined) {
    response.writeHead(404).end('{"errors":[]}');
    return;
  }
  const headers = {
    'Content-Type': type,
    'Content-Length': found.length,
    'Docker-Content-Digest': digestOf(found),
  };
  response.writeHead(200, headers).end(method === 'HEAD' ? undefined : found);
}

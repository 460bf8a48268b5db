import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';

const FOLDER = '/run/node/pki';

/** An object of the API, as far as the tests look at it. */
export interface ApiObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly creationTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: the shapes of a whole API are not worth restating for what a test reads.
  readonly spec?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly status?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly data?: any;
}

/** The API of the node, asked as its administrator: for what is measured, where starting kubectl would be most of it. */
export class Api {
  private readonly agent = new Agent({
    keepAlive: true,
    ca: readFileSync(`${FOLDER}/ca.crt`),
    cert: readFileSync(`${FOLDER}/admin.crt`),
    key: readFileSync(`${FOLDER}/admin.key`),
  });

  get<Result = ApiObject>(path: string): Promise<Result> {
    return this.call('GET', path);
  }

  post(path: string, body: object): Promise<ApiObject> {
    return this.call('POST', path, body);
  }

  patch(path: string, body: object): Promise<ApiObject> {
    return this.call('PATCH', path, body, 'application/merge-patch+json');
  }

  delete(path: string): Promise<ApiObject> {
    return this.call('DELETE', path);
  }

  close(): void {
    this.agent.destroy();
  }

  private call<Result>(
    method: string,
    path: string,
    body?: object,
    type = 'application/json',
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': type };
      const asked = request(
        { host: '192.168.77.2', port: 6443, agent: this.agent, method, path, headers },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (part: string) => {
            text += part;
          });
          response.on('end', () => {
            const { statusCode = 0 } = response;
            if (statusCode < 300) resolve(JSON.parse(text));
            else reject(new Error(`${method} ${path}: ${statusCode} ${text.slice(0, 500)}`));
          });
        },
      );
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

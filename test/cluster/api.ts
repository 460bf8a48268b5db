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
    return this.call('POST', path, { body });
  }

  /** What a POST makes, and what its sender is warned of. */
  async postWarned(path: string, body: object): Promise<{ made: ApiObject; warnings: string[] }> {
    const warnings: string[] = [];
    const made = await this.call<ApiObject>('POST', path, { body, warnings });
    return { made, warnings };
  }

  patch(path: string, body: object): Promise<ApiObject> {
    return this.call('PATCH', path, { body, type: 'application/merge-patch+json' });
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
    { body, type = 'application/json', warnings = [] }: Sent = {},
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
            const { statusCode = 0, headers: said } = response;
            warnings.push(...warningsIn(said['warning'] ?? ''));
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

interface Sent {
  readonly body?: object;
  readonly type?: string;
  /** Takes what the API server warns of. */
  readonly warnings?: string[];
}

/** The texts of a Warning header: `299 - "text"`, with commas between. @see RFC 9111 §5.5 */
function warningsIn(header: string): string[] {
  return Array.from(header.matchAll(/299 \S+ "((?:\\.|[^"\\])*)"/g), ([, text = '']) =>
    text.replaceAll(/\\(.)/g, '$1'),
  );
}

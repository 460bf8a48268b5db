import type { Answer, Query, Resolve } from '../../src/resolve/stage.ts';
import { ownQuery } from '../../src/resolve/stage.ts';
import { RrType } from '../../src/wire/codes.ts';
import type { Message } from '../../src/wire/message.ts';
import { EMPTY } from '../../src/wire/render.ts';
import type { ScriptedUpstream } from '../support/scripted-upstream.ts';

/** A client's question. */
export function query(qname: string, qtype: number = RrType.A, more: Partial<Query> = {}): Query {
  return ownQuery(qname, qtype, { client: '127.0.0.1', ...more });
}

/** An answer as upstream gives it. */
export function answer(message: Partial<Message> = {}, more: Partial<Answer> = {}): Answer {
  return { message: { ...EMPTY, ...message }, source: 'upstream', age: 0, ...more };
}

/** One question that reached the end of the stages under test. */
export interface Asked {
  readonly query: Query;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** The stages below the one under test: it remembers what it was asked, and a test answers when it likes. */
export function below(): { readonly next: Resolve; readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const next: Resolve = (asking) =>
    new Promise((resolve, reject) => {
      asked.push({ query: asking, resolve, reject });
    });
  return { next, asked };
}

/** Nothing below the stage under test but an upstream that answers from a script, on the test's clock. */
export function over(upstream: ScriptedUpstream): Resolve {
  return async (asking) => answer(await upstream.ask(asking));
}

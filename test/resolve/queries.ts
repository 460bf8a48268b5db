import type { Answer, Query, Resolve } from '../../src/resolve/stage.ts';
import { asking, ownQuery, tell } from '../../src/resolve/stage.ts';
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
  const next: Resolve = (own, asker) => {
    asked.push({
      query: own,
      resolve: (said) => asker.onAnswer(said),
      reject: (error) => asker.onFailure(error),
    });
  };
  return { next, asked };
}

/** Nothing below the stage under test but an upstream that answers from a script, on the test's clock. */
export function over(upstream: ScriptedUpstream): Resolve {
  return (own, asker) =>
    upstream.ask(own, {
      onAnswer: (message) => asker.onAnswer(answer(message)),
      onFailure: (error) => asker.onFailure(error),
    });
}

/** Stages below the one under test that answer with a promise. */
export function answering(answers: (query: Query) => Promise<Answer>): Resolve {
  return (own, asker) => tell(asker, answers(own));
}

/** Stages as a test asks them: with a promise. */
export const promised = asking;

import type { Clock } from '../clock.ts';
import { rcodeClass } from '../observe/label-sets.ts';
import type { LookupWatch } from '../observe/lookup-watch.ts';
import type { QueryLog } from '../observe/query-log.ts';
import type { Resolve } from '../resolve/stage.ts';
import { verdictOf } from '../resolve/verdict.ts';
import type { FailureReason } from '../vocabulary.ts';
import { rcodeName, typeName } from '../wire/codes.ts';

export interface Watchers {
  readonly lookups: LookupWatch;
  readonly queryLog?: QueryLog | undefined;
  /** The failure that all upstreams share; used for a question that was abandoned without a reason of its own. */
  readonly trouble?: (() => FailureReason | undefined) | undefined;
}

/**
 * Observes questions and their answers without changing them.
 *
 * It sees only questions that reach the stages. Replies from memory are counted by the listeners, and are never slow.
 */
export function watchedResolve(
  resolve: Resolve,
  clock: Clock,
  { lookups, queryLog, trouble }: Watchers,
): Resolve {
  return (query, asker) => {
    const { qname, client } = query;
    const type = typeName(query.qtype);
    const started = clock.now();
    const answered = lookups.asked({ qname, type, client });
    resolve(query, {
      onAnswer: (answer) => {
        const { message, source } = answer;
        answered({
          rcode: rcodeClass(message.rcode),
          source,
          hasData: verdictOf(message, query) === 'data',
          failure: answer.source === 'failure' ? (answer.failure ?? trouble?.()) : undefined,
        });
        queryLog?.add({
          qname,
          type,
          client,
          rcode: rcodeName(message.rcode),
          source,
          answers: message.answer.length,
          took: clock.now() - started,
        });
        asker.onAnswer(answer);
      },
      onFailure: (error) => asker.onFailure(error),
    });
  };
}

import type { Clock } from '../clock.ts';
import { rcodeClass } from '../observe/label-sets.ts';
import type { LookupWatch } from '../observe/lookup-watch.ts';
import type { QueryLog } from '../observe/query-log.ts';
import type { Resolve } from '../resolve/stage.ts';
import { verdictOf } from '../resolve/verdict.ts';
import { rcodeName, typeName } from '../wire/codes.ts';

/**
 * Lets others look on while questions are answered; it changes nothing.
 *
 * It stands around the stages, below the answer table: what that answers is counted there, and is never slow.
 */
export function watchedResolve(
  resolve: Resolve,
  clock: Clock,
  {
    lookups,
    queryLog,
  }: { readonly lookups: LookupWatch; readonly queryLog?: QueryLog | undefined },
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

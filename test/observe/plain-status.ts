import type { Clock } from '../../src/clock.ts';
import type { Metrics } from '../../src/observe/metrics.ts';
import { type StatusSources, type StatusView, statusView } from '../../src/observe/status-view.ts';

/** The status of a daemon that started at 0 and is ready, with no lookups and no configuration to show. */
export function plainStatus(
  metrics: Metrics,
  clock: Clock,
  more: Partial<StatusSources> = {},
): () => StatusView {
  return statusView({
    metrics,
    clock,
    version: '1.2.3',
    startedAt: 0,
    ready: () => [],
    lookups: { recent: [] },
    names: false,
    configuration: () => [],
    ...more,
  });
}

import { RELOAD_RESULTS } from './label-sets.ts';
import type { MetricRegistry } from './metric-registry.ts';

/** Declares the metrics of the process: its build, its start, its resources, and its bugs. */
export function processMetrics(registry: MetricRegistry, version: string) {
  registry.info(
    {
      name: 'sidestub_build_info',
      help: 'Always 1; the labels name the build.',
      query: 'count by (version) (sidestub_build_info)',
    },
    { version, node: process.version },
  );
  // Under the names that every Prometheus client uses, so that dashboards find them.
  registry.readCounter(
    {
      name: 'process_cpu_seconds_total',
      help: 'CPU time that the process has used.',
      query: 'rate(process_cpu_seconds_total[5m])',
    },
    () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6; // microseconds
    },
  );
  registry
    .gauge({
      name: 'process_resident_memory_bytes',
      help: 'Resident memory of the process (RSS).',
      query: 'max_over_time(process_resident_memory_bytes[1h])',
    })
    .readBy(() => process.memoryUsage.rss());
  registry
    .gauge({
      name: 'process_start_time_seconds',
      help: 'When the process started, in seconds of the epoch.',
      query: 'changes(process_start_time_seconds[1h])',
    })
    .readBy(() => performance.timeOrigin / 1_000);
  return {
    bugs: registry.tally({
      name: 'sidestub_bugs_total',
      help: 'Unexpected exceptions; must stay 0. The stack is in the log.',
      query: 'increase(sidestub_bugs_total[1h]) > 0',
    }),
    reloads: registry.tallySet({
      name: 'sidestub_config_reloads_total',
      help: 'Reloads of the configuration (SIGHUP), by result.',
      query: 'increase(sidestub_config_reloads_total{result="failure"}[15m]) > 0',
      label: ['result', RELOAD_RESULTS],
    }),
    ready: registry.gauge({
      name: 'sidestub_ready',
      help: 'Whether names can be looked up: 1 when /ready answers 200, else 0.',
      query: 'min by (instance) (sidestub_ready) == 0',
    }),
    startup: registry.gauge({
      name: 'sidestub_startup_seconds',
      help: 'Time from the start to the first reply of upstream, which the job waits for; it grows until there is one.',
      query: 'max by (instance) (sidestub_startup_seconds) > 5',
    }),
    queryLogDropped: registry.tally({
      name: 'sidestub_query_log_dropped_total',
      help: 'Lines of the query log that were not written, because its file or pipe did not accept them (S1).',
      query: 'increase(sidestub_query_log_dropped_total[15m]) > 0',
    }),
  };
}

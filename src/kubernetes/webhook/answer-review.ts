import { type InjectionOptions, injectPod } from '../inject/inject-pod.ts';
import type { AdmissionAnswer, AdmissionRequest } from './admission-review.ts';
import type { Outcome } from './webhook-metrics.ts';

/** The result of a review, for its sender and for the metrics. */
export interface Verdict extends AdmissionAnswer {
  readonly outcome: Outcome;
}

/**
 * Answers a review: with the patch for a pod that is created, and with nothing for any other request.
 *
 * A refused pod runs without sidestub and its creator gets a warning; a skipped one is meant to run without.
 */
export function answerReview(request: AdmissionRequest, options: InjectionOptions): Verdict {
  const { kind, operation, namespace, object } = request;
  if (kind !== 'Pod' || operation !== 'CREATE') {
    return {
      outcome: 'ignored',
      patch: [],
      warnings: [],
      auditAnnotations: { outcome: 'ignored' },
    };
  }
  const injection = injectPod(object, { ...options, namespace });
  if ('patch' in injection) {
    const { outcome, mode, patch, warnings } = injection;
    return { outcome, patch, warnings, auditAnnotations: { outcome, mode } };
  }
  const { outcome, reason, message } = injection;
  const warnings = outcome === 'refused' ? [`not injected: ${message}`] : [];
  return { outcome, patch: [], warnings, auditAnnotations: { outcome, reason } };
}

/** The answer after an error of ours: the pod is created anyway. */
export const failedOpen: Verdict = {
  outcome: 'failed',
  patch: [],
  warnings: ['not injected: internal error; the pod runs without it'],
  auditAnnotations: { outcome: 'failed' },
};

/**
 * The forward action of a listener rule as weights by target group, and back. AWS spells one group in two ways
 * (`TargetGroupArn` alone, or a `ForwardConfig`) and answers with both; here it has one meaning.
 */
import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2';

export interface Forward {
  /** Weight by target group ARN, of every group that is attached. */
  readonly weights: Readonly<Record<string, number>>;
  /** Whoever set it owns it: it is carried through every change. */
  readonly stickiness: { readonly enabled: boolean; readonly durationSec: number | null } | null;
}

/** The rule's forward, or undefined when it does anything but forward: redirect, fixed response, authenticate first. */
export function forwardOf(actions: readonly Action[] | undefined): Forward | undefined {
  const [action, ...more] = actions ?? [];
  if (action?.Type !== 'forward' || more.length > 0) return undefined;
  const groups = action.ForwardConfig?.TargetGroups ?? [{ TargetGroupArn: action.TargetGroupArn }];
  const weights: Record<string, number> = {};
  for (const group of groups) {
    // A group without a weight gets 1: AWS's own default.
    if (group.TargetGroupArn !== undefined) weights[group.TargetGroupArn] = group.Weight ?? 1;
  }
  const sticky = action.ForwardConfig?.TargetGroupStickinessConfig;
  return {
    weights,
    stickiness: sticky ? { enabled: sticky.Enabled ?? false, durationSec: sticky.DurationSeconds ?? null } : null,
  };
}

/** The one action that forwards so. */
export function forwardAction(forward: Forward): Action[] {
  const { weights, stickiness } = forward;
  return [
    {
      Type: 'forward',
      ForwardConfig: {
        TargetGroups: Object.entries(weights).map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })),
        ...(stickiness
          ? {
              TargetGroupStickinessConfig: {
                Enabled: stickiness.enabled,
                ...(stickiness.durationSec === null ? {} : { DurationSeconds: stickiness.durationSec }),
              },
            }
          : {}),
      },
    },
  ];
}

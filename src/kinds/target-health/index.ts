/**
 * How many targets of a group are healthy: the proof on which traffic moves to tasks. Read only; ECS registers and
 * deregisters. One call per group and no batch, so only a rollout should name it.
 */
import { READY, type ResourceKind, readOnly, unlessAbsent } from '../../resource/index.ts';

/** Identity: `targetGroupArn`. */
export type TargetHealthProps = Readonly<Record<string, never>>;

export interface TargetHealthObserved {
  readonly healthy: number;
  /** Registered and not on its way out. */
  readonly total: number;
  /** What the load balancer says of a target that fails its checks. */
  readonly why: string | null;
}

export const targetHealth: ResourceKind<TargetHealthProps, TargetHealthObserved> = {
  ...readOnly('target-health'),
  name: 'target-health',
  permissions: [
    {
      actions: ['elasticloadbalancing:DescribeTargetHealth'],
      resources: ['*'],
      because: 'reads whether tasks are proven before traffic moves; the action knows no narrower resource',
    },
  ],

  async observe(io, { targetGroupArn }, call) {
    const answer = await unlessAbsent(io.aws.elbv2.describeTargetHealth({ TargetGroupArn: targetGroupArn }, call));
    if (!answer) return undefined;
    const targets = (answer.TargetHealthDescriptions ?? []).map(({ TargetHealth }) => TargetHealth);
    const states = targets.map((target) => target?.State);
    const failing = targets.find((target) => target?.State === 'unhealthy');
    return {
      healthy: states.filter((state) => state === 'healthy').length,
      total: states.filter((state) => state !== 'draining').length,
      why: failing?.Description ?? failing?.Reason ?? null,
    };
  },

  readiness: () => READY,
  outputs: ({ healthy, total, why }) => ({ healthy, total, why }),

  // How many move with every scaling; whether any can serve is what traffic rests on.
  rotating: { TargetHealthDrift: ({ healthy }) => healthy > 0 },
};

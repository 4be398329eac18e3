/** What a status says of an object beside its conditions: where it is served, by whom, what is deployed, from what. */
import type { LambdaContainerStatus } from '../api/index.ts';
import { urlOf } from '../compose/index.ts';
import type { KindRegistry, Revision } from '../resource/index.ts';
import { outputsOf, type PassedObject, type PassReport } from './pass-report.ts';
import { sourceOf } from './source-facts.ts';

/** `revisions` are the recorded ones by number, the newest last. */
export function factsOf(
  report: PassReport,
  { spec, klass, reconcileRequest }: PassedObject,
  revisions: readonly Revision[],
  kinds: KindRegistry,
): Partial<LambdaContainerStatus> {
  const source = sourceOf(report, kinds);
  const listener = klass.listeners.find(({ arn }) => arn === report.inventory.allocation?.listenerArn);
  const revision = revisions.at(-1);
  const previous = revisions.at(-2)?.number;
  return {
    ...(listener ? { url: urlOf(report.key, spec, listener.url) } : {}),
    placement: {
      serving: servingOf(report, kinds),
      reason: `spec.placement.mode is ${spec.placement.mode}`,
    },
    ...(revision
      ? {
          revision: {
            current: revision.number,
            ...(previous === undefined ? {} : { previous }),
            image: revision.image,
            functionVersion: revision.functionVersion,
            ...(revision.taskDefinition === undefined ? {} : { taskDefinition: revision.taskDefinition }),
          },
        }
      : {}),
    ...(source ? { source: { codeSha256: source.revision, lastModified: source.lastModified } } : {}),
    ...(reconcileRequest === undefined ? {} : { lastHandledReconcileAt: reconcileRequest }),
  };
}

function servingOf(report: PassReport, kinds: KindRegistry): { lambda: number; fargate: number } {
  const weights = (outputsOf(report, kinds, 'weights')?.weights ?? {}) as Readonly<Record<string, number>>;
  const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  const shareOf = (nodeId: string) => {
    const weight = weights[String(outputsOf(report, kinds, nodeId)?.arn)] ?? 0;
    return total === 0 ? 0 : Math.round((weight / total) * 100);
  };
  return { lambda: shareOf('target-group/lambda'), fargate: shareOf('target-group/ip') };
}

/** What the inventory summary of a status shows. */
export function inventoryOf(report: PassReport, kinds: KindRegistry): LambdaContainerStatus['inventory'] {
  return report.inventory.entries.map(({ nodeId, kind, identity }) => {
    const arn = outputsOf(report, kinds, nodeId)?.arn;
    return {
      kind,
      name: Object.values(identity).join('/'),
      arn: typeof arn === 'string' ? arn : undefined,
      createdByUs: true,
    };
  });
}

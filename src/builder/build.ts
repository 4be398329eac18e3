/**
 * One build: code and layers, as they are now, on a base image, pushed under the tag that the inputs hash to. Two
 * recipes lead there: composed layer by layer, or by a Dockerfile. It decides nothing about when to build, keeps
 * nothing, and talks to AWS through ports alone.
 */
import { Failure, formatDuration, isFailure, UserError } from '../core/index.ts';
import { compose, type PushStep, parseReference, parseRepository } from '../oci/index.ts';
import { contentOf } from './content.ts';
import { type BuildDeps, bytesText, callOf, timed } from './deps.ts';
import { buildDockerfile } from './dockerfile.ts';
import type { BuildOrder } from './order.ts';

/**
 * Builds and pushes the image, and returns its digest. Repeating a composition pushes nothing new.
 * @throws UserError `Superseded: …` when there is other code by now; Failure and UserError for what else goes wrong
 */
export async function build(order: BuildOrder, deps: BuildDeps): Promise<string> {
  const startedMs = deps.clock.monotonic();
  const digest = order.recipe === 'composer-v2' ? await composed(order, deps) : await buildDockerfile(order, deps);
  deps.print(`digest ${digest} in ${formatDuration(deps.clock.monotonic() - startedMs)}`);
  return digest;
}

async function composed(order: BuildOrder, deps: BuildDeps): Promise<string> {
  const layers = await contentOf(order, deps);
  const reference = parseReference(order.baseImage ?? '');
  const architecture = order.architecture === 'arm64' ? 'arm64' : 'amd64';
  const base = await timed(
    deps,
    () => deps.registry.image(reference, { os: 'linux', architecture }, callOf(deps)),
    () => `read base image ${order.baseImage}`,
  );
  const image = compose({ base, layers, config: { cmd: [order.handler ?? ''], labels: order.labels } });

  const steps: PushStep[] = [];
  await timed(
    deps,
    () =>
      deps.registry.pushImage(parseRepository(order.repositoryUri), image, {
        ...callOf(deps),
        base: reference,
        tag: order.tag,
        report: (step) => steps.push(step),
      }),
    () => `pushed ${order.repositoryUri}:${order.tag} (${pushedText(steps)})`,
  );
  return image.digest;
}

function pushedText(steps: readonly PushStep[]): string {
  const counts = (['uploaded', 'mounted', 'present'] as const).map((how) => {
    const some = steps.filter((step) => step.how === how);
    const bytes = some.reduce((sum, step) => sum + step.size, 0);
    return some.length === 0 ? '' : `${some.length} ${how}, ${bytesText(bytes)}`;
  });
  return counts.filter((text) => text !== '').join('; ');
}

/** One line for a person: what failed, where. */
export function failureLine(error: unknown): string | undefined {
  if (error instanceof UserError) return error.message;
  if (!(error instanceof Failure)) return undefined;
  const hint = isFailure(error, 'denied') ? ' (does the build project’s role allow it?)' : '';
  return `${error.service} ${error.operation} failed: ${error.code}: ${error.message}${hint}`;
}

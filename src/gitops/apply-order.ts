/**
 * In which order records are written: classes, then sources, then containers, each after those of its namespace that
 * it depends on. As waves, because what is in one wave can be written side by side.
 */
import { KIND_CLASS, KIND_GIT_SOURCE } from '../api/index.ts';
import { formatKey } from '../resource/key.ts';
import type { RenderedObject } from './rendering.ts';
import { SourceProblem } from './source-problem.ts';

/** Each object once, in order of names within a wave. @throws SourceProblem InvalidManifests for a circle */
export function wavesOf(objects: Iterable<RenderedObject>, commit: string): RenderedObject[][] {
  const classes: RenderedObject[] = [];
  const sources: RenderedObject[] = [];
  const containers = new Map<string, RenderedObject>();
  for (const object of objects) {
    if (object.kind === KIND_CLASS) classes.push(object);
    else if (object.kind === KIND_GIT_SOURCE) sources.push(object);
    else containers.set(formatKey(object.key), object);
  }
  return [classes, sources, ...byDependency(containers, commit)]
    .filter((wave) => wave.length > 0)
    .map((wave) => wave.sort((a, b) => compare(formatKey(a.key), formatKey(b.key))));
}

function byDependency(objects: ReadonlyMap<string, RenderedObject>, commit: string): RenderedObject[][] {
  const waves: RenderedObject[][] = [];
  let left = [...objects];
  const done = new Set<string>();
  while (left.length > 0) {
    // What this source does not have is not its to order.
    const waits = ({ key, dependsOn }: RenderedObject): boolean =>
      dependsOn.some((name) => {
        const id = formatKey({ namespace: key.namespace, name });
        return objects.has(id) && !done.has(id);
      });
    const ready = left.filter(([, object]) => !waits(object));
    if (ready.length === 0) {
      const named = left.map(([id, { place }]) => `${id} (${place})`).sort();
      throw new SourceProblem(
        'InvalidManifests',
        `these wait for each other by spec.dependsOn: ${named.slice(0, 10).join(', ')}`,
        {
          commit,
        },
      );
    }
    for (const [id] of ready) done.add(id);
    waves.push(ready.map(([, object]) => object));
    left = left.filter(([id]) => !done.has(id));
  }
  return waves;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

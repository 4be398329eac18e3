/** The newest CodeBuild build of an object's images, found by the tags that the inventory holds. */
import type { Ports } from '../../aws/index.ts';
import type { Inventory } from '../../resource/index.ts';

export interface BuildLog {
  readonly id: string;
  readonly isComplete: boolean;
  readonly status: string;
  readonly group: string;
  readonly stream: string;
}

/** The variable by which a build is known to be of an image. */
const INPUTS = 'LAMBDACONTAINER_INPUTS';

/** Undefined when the object's images were built by none of the project's newest 100 builds. Two calls a project. */
export async function newestBuild(
  inventory: Inventory | undefined,
  codebuild: Pick<Ports['codebuild'], 'listBuildsForProject' | 'batchGetBuilds'>,
): Promise<BuildLog | undefined> {
  const images = inventory?.entries.filter(({ kind }) => kind === 'image-build') ?? [];
  const tags = new Set(images.map(({ identity }) => identity.tag));
  const projects = new Set(images.map(({ identity }) => identity.projectName));
  const builds = await Promise.all(
    [...projects].map(async (projectName) => {
      const { ids } = await codebuild.listBuildsForProject({ projectName, sortOrder: 'DESCENDING' });
      if (!ids || ids.length === 0) return [];
      return (await codebuild.batchGetBuilds({ ids: ids.slice(0, 100) })).builds ?? [];
    }),
  );
  const [newest] = builds
    .flat()
    .filter(({ environment }) =>
      environment?.environmentVariables?.some(({ name, value }) => name === INPUTS && tags.has(value)),
    )
    .sort((a, b) => (b.startTime?.getTime() ?? 0) - (a.startTime?.getTime() ?? 0));
  const { groupName, streamName } = newest?.logs ?? {};
  if (!newest || !groupName || !streamName) return undefined;
  return {
    id: newest.id ?? '',
    isComplete: newest.buildComplete === true,
    status: newest.buildStatus ?? 'IN_PROGRESS',
    group: groupName,
    stream: streamName,
  };
}

/**
 * The recipe of Dockerfiles. For a zip the same content that the composer lays down is laid into a folder beside the
 * template of its runtime family; a repository brings folder and Dockerfile. What builds is a program of the machine;
 * this file gives it its inputs and checks what it pushed. It promises "not built twice", not equal digests.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../core/index.ts';
import { MANIFEST_TYPES, parseReference, unpack } from '../oci/index.ts';
import { contentOf } from './content.ts';
import { type BuildDeps, callOf, timed } from './deps.ts';
import type { BuildOrder } from './order.ts';
import { checkedOut } from './repository.ts';

/**
 * Builds and pushes; returns the digest that the registry then has under the tag.
 * @throws UserError when the Dockerfile cannot be built, or what was pushed is an index, which Lambda refuses
 */
export async function buildDockerfile(order: BuildOrder, deps: BuildDeps): Promise<string> {
  const program = await deps.program();
  const { context, dockerfile } =
    order.source.type === 'repository' ? await checkedOut(order.source, deps) : await laidOut(order, deps);
  const image = `${order.repositoryUri}:${order.tag}`;
  const asked = {
    context,
    dockerfile,
    image,
    architecture: order.architecture === 'arm64' ? 'arm64' : 'amd64',
    arguments: order.baseImage === null ? {} : { BASE_IMAGE: order.baseImage },
    labels: order.labels,
  } as const;
  await timed(
    deps,
    () => program.build(asked, deps.signal),
    () => `built ${image} with ${program.name}`,
  );
  const pushed = await deps.registry.headManifest(parseReference(image), callOf(deps));
  if (!pushed) throw new UserError(`${program.name} pushed ${image}, but the registry does not have it`);
  if (!MANIFEST_TYPES.has(pushed.mediaType)) {
    throw new UserError(
      `${program.name} pushed ${pushed.mediaType}; Lambda and the controller take a plain image only`,
    );
  }
  return pushed.digest;
}

/** Code and layers as folders `opt`, `var/task` and `var/runtime`, and the rendered template beside them. */
async function laidOut(order: BuildOrder, deps: BuildDeps): Promise<{ context: string; dockerfile: string }> {
  if (deps.dockerfile === undefined) throw new UserError('LAMBDACONTAINER_DOCKERFILE is not set');
  const context = join(deps.folder, 'context');
  // They are copied whether or not anything is in them.
  for (const folder of ['opt', 'var/task', 'var/runtime']) await mkdir(join(context, folder), { recursive: true });
  await unpack(await contentOf(order, deps), context, callOf(deps));
  const dockerfile = join(deps.folder, 'Dockerfile');
  await writeFile(dockerfile, rendered(deps.dockerfile, { handler: JSON.stringify(order.handler) }));
  return { context, dockerfile };
}

/**
 * The template with `{{name}}` replaced.
 * @throws UserError naming a word in double braces that has no value
 */
export function rendered(template: string, values: Readonly<Record<string, string>>): string {
  // Braces of another language's templates (`{{.Id}}`, `{{ range }}`) are not ours to judge.
  return template.replace(/\{\{([A-Za-z][A-Za-z0-9]*)\}\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) {
      throw new UserError(`the Dockerfile says ${whole}; what can be filled in is ${Object.keys(values).join(', ')}`);
    }
    return value;
  });
}

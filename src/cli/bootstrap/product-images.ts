/**
 * The three images that a deployment runs (daemon, adapter, builder), composed from this installation's own bundles over
 * a public Node image and pushed to the account's repositories without Docker. What is pushed is named by digest, and
 * what a repository has is not sent again. It makes no repository; the stack `images` does.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../core/index.ts';
import {
  adapterContent,
  type BundleFile,
  builderContent,
  composeOwnImage,
  daemonContent,
  OWN_IMAGES,
  type OwnImage,
  type OwnImageName,
  parseReference,
  pushOwnImage,
  type RegistryCall,
  type RegistryClient,
  type Repository,
} from '../../oci/index.ts';
import { packageFolder } from './template-file.ts';

/** AWS's mirror of Docker's own images: no account is needed, and pulls from AWS are not counted. */
export const DEFAULT_BASE = 'public.ecr.aws/docker/library/node:24-slim';

export type ProductImages = Readonly<Record<OwnImageName, OwnImage>>;

export interface Bases {
  readonly daemon: string;
  readonly others: string;
}

/**
 * All three images; reads the installation in `folder` and, of the bases, manifests and configurations.
 * @throws UserError when the installation is not built, Failure when a base cannot be read
 */
export async function composeProductImages(
  client: RegistryClient,
  bases: Bases,
  { folder = packageFolder(), ...call }: RegistryCall & { readonly folder?: string | undefined } = {},
): Promise<ProductImages> {
  const content = {
    controller: daemonContent(await daemonFiles(folder)),
    adapter: adapterContent(await bundle(folder, 'dist/adapter.mjs')),
    builder: builderContent(await bundle(folder, 'dist/builder.mjs')),
  };
  const made = await Promise.all(
    OWN_IMAGES.map(async (name) => {
      const base = parseReference(name === 'controller' ? bases.daemon : bases.others);
      return [name, await composeOwnImage(client, base, content[name], call)] as const;
    }),
  );
  return Object.fromEntries(made) as Record<OwnImageName, OwnImage>;
}

/**
 * Pushes what the repositories lack, under `tagOf` each digest; told of each image, and whether it was sent. The base is
 * sent once: the second and third repository take it from the first where the registry can.
 */
export async function pushProductImages(
  client: RegistryClient,
  images: ProductImages,
  repositories: Readonly<Record<OwnImageName, Repository>>,
  version: string,
  onPushed: (name: OwnImageName, isSent: boolean) => void,
  call: RegistryCall = {},
): Promise<void> {
  const sent = new Map<string, Repository>();
  for (const name of OWN_IMAGES) {
    const image = images[name];
    const { host, repository, tag, digest } = image.base;
    const base = JSON.stringify([host, repository, tag, digest]);
    const near = sent.get(base);
    const isSent = await pushOwnImage(client, repositories[name], image, {
      tag: tagOf(image, version),
      ...(near ? { near } : {}),
      ...call,
    });
    sent.set(base, near ?? repositories[name]);
    onPushed(name, isSent);
  }
}

/** For people who list a repository whose tags cannot be moved: the version, and what tells two of its images apart. */
export function tagOf({ index }: OwnImage, version: string): string {
  return `${version.replaceAll(/[^A-Za-z0-9_.-]/g, '-')}-${index.digest.slice('sha256:'.length, 'sha256:'.length + 12)}`;
}

/** The program and its chunks; not the other two programs, and not what only the local cloud needs. */
async function daemonFiles(folder: string): Promise<BundleFile[]> {
  const chunks = await readdir(join(folder, 'dist/chunks')).catch(notBuilt);
  const paths = [
    'package.json',
    'bin/lambdacontainer.js',
    'dist/cli.mjs',
    ...chunks.filter((name) => name.endsWith('.mjs')).map((name) => `dist/chunks/${name}`),
  ];
  return Promise.all(paths.map(async (path) => ({ path, bytes: await bundle(folder, path) })));
}

function bundle(folder: string, path: string): Promise<Uint8Array> {
  return readFile(join(folder, path)).catch(notBuilt);
}

function notBuilt(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ENOENT') throw error;
  throw new UserError(`this installation is not built: ${error.path} is missing; run npm run build in its folder`);
}

/**
 * What an image is to hold beside its base: the Lambda layers, then the code, each checked against what AWS says of it,
 * as deterministic layers. Both recipes start from these, so that they cannot differ in what they hold. It knows nothing
 * of registries.
 */
import { join } from 'node:path';
import { UserError } from '../core/index.ts';
import { type Layer, layerFromEntries, layerFromZip, readZip } from '../oci/index.ts';
import { type BuildDeps, bytesText, callOf, retried, timed } from './deps.ts';
import { type Download, downloaded } from './download.ts';
import type { BuildOrder, CodeSource } from './order.ts';

const CODE_FILE = 'code.zip';

/**
 * The layers to lay on the base image, lowest first.
 * @throws UserError `Superseded: …` when there is other code by now; Failure and UserError for what else goes wrong
 */
export async function contentOf(order: BuildOrder, deps: BuildDeps): Promise<Layer[]> {
  const code = await locate(order.source, deps);
  const layers: Layer[] = [];
  for (const [index, arn] of order.layers.entries()) layers.push(await layerOf(arn, `layer-${index + 1}.zip`, deps));
  // The code above them: it changes most often, and what lies beneath is then shared between images.
  layers.push(await zipLayer(code, { prefix: '/var/task', createdBy: 'lambdacontainer: code' }, deps));
  if (order.ownRuntime) layers.push(await bootstrapLink(deps));
  return layers;
}

async function locate(source: CodeSource, deps: BuildDeps): Promise<Download> {
  if (source.type === 'repository') throw new UserError('a repository has no code to lay on a base');
  if (source.type === 'archive') return { object: source, what: 'the code', file: CODE_FILE };
  const { name, qualifier, codeSha256 } = source;
  const input = { FunctionName: name, ...(qualifier === null ? {} : { Qualifier: qualifier }) };
  const { Configuration, Code } = await timed(
    deps,
    () => retried(deps, () => deps.lambda.getFunction(input, callOf(deps))),
    () => `found ${name}`,
  );
  if (Configuration?.CodeSha256 !== codeSha256) {
    throw new UserError(`Superseded: ${name} has code ${Configuration?.CodeSha256} by now, not ${codeSha256}`);
  }
  if (!Code?.Location) throw new UserError(`${name} is not a zip function: its image runs as it is`);
  return { url: Code.Location, sha256: codeSha256, what: 'the code', file: CODE_FILE };
}

async function layerOf(arn: string, file: string, deps: BuildDeps): Promise<Layer> {
  const { Content } = await retried(deps, () => deps.lambda.getLayerVersionByArn({ Arn: arn }, callOf(deps)));
  if (!Content?.Location || !Content.CodeSha256) throw new UserError(`Lambda gives no content for ${arn}`);
  const zip = { url: Content.Location, sha256: Content.CodeSha256, what: arn, file };
  return zipLayer(zip, { prefix: '/opt', createdBy: `lambdacontainer: ${arn}` }, deps);
}

/**
 * The base images of `provided` start `/var/runtime/bootstrap` and bring none; Lambda looks for the code's, then for a
 * layer's. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
 */
async function bootstrapLink(deps: BuildDeps): Promise<Layer> {
  const archive = await readZip(join(deps.folder, CODE_FILE));
  const isInCode = archive.entries.some(({ path }) => path === 'bootstrap');
  archive.close();
  const target = isInCode ? '/var/task/bootstrap' : '/opt/bootstrap';
  return layerFromEntries([{ type: 'symlink', path: 'var/runtime/bootstrap', target }], {
    createdBy: `lambdacontainer: bootstrap is ${target}`,
  });
}

async function zipLayer(zip: Download, placed: { prefix: string; createdBy: string }, deps: BuildDeps): Promise<Layer> {
  const path = join(deps.folder, zip.file);
  await timed(
    deps,
    () => retried(deps, () => downloaded(zip, path, deps)),
    (size) => `downloaded ${zip.what}, ${bytesText(size)}`,
  );
  const layer = () => layerFromZip(path, { ...placed, folder: deps.folder, signal: deps.signal });
  return timed(deps, layer, ({ digest, size }) => `composed ${placed.prefix} as ${digest}, ${bytesText(size)}`);
}

/** Lambda's operations on layers: versions of a zip that lies under /opt. */
import type * as lambda from '@aws-sdk/client-lambda';
import type { BlobStore, Handler, RequestContext } from '../../contract.ts';
import { zipCode } from './code.ts';
import { type LayerUse, validation } from './configuration.ts';
import { nothingThere } from './functions.ts';
import { invalidValue, timestamp } from './names.ts';
import type { LambdaStore, LayerRecord } from './store.ts';

const NAME = /^[a-zA-Z0-9-_]{1,140}$/;
const LINK_LIFETIME_SEC = 600;

export function layerOperations(store: LambdaStore, blobs: BlobStore): Record<string, Handler> {
  const { scope } = store;

  const shape = (layer: LayerRecord, nowMs: number): lambda.GetLayerVersionResponse => {
    const arn = layerArn(layer.name, scope);
    const query = new URLSearchParams({
      'X-Amz-Date': new Date(nowMs).toISOString(),
      'X-Amz-Expires': String(LINK_LIFETIME_SEC),
    });
    return {
      Content: {
        Location: `http://${scope.awsHost()}/_lambda/layer/${layer.digest}?${query}`,
        CodeSha256: Buffer.from(layer.digest.slice('sha256:'.length), 'hex').toString('base64'),
        CodeSize: layer.sizeBytes,
      },
      LayerArn: arn,
      LayerVersionArn: `${arn}:${layer.version}`,
      Description: layer.description,
      CreatedDate: timestamp(layer.createdAtMs),
      Version: layer.version,
      CompatibleRuntimes: [...layer.runtimes] as lambda.Runtime[],
      ...(layer.architectures.length === 0
        ? {}
        : { CompatibleArchitectures: [...layer.architectures] as lambda.Architecture[] }),
      ...(layer.licence === null ? {} : { LicenseInfo: layer.licence }),
    };
  };

  const find = (name: string, version: number): LayerRecord => {
    const found = store.layers.get(`${name}:${version}`);
    if (!found) throw nothingThere();
    return found;
  };

  return {
    PublishLayerVersion: (
      input: lambda.PublishLayerVersionRequest,
      { nowMs }: RequestContext,
    ): lambda.PublishLayerVersionResponse => {
      const name = layerName(input.LayerName, scope);
      const code = zipCode(input.Content ?? {}, blobs);
      const version = latestVersion(store, name) + 1;
      const layer: LayerRecord = {
        name,
        version,
        digest: code.digest,
        sizeBytes: code.sizeBytes,
        description: input.Description ?? '',
        licence: input.LicenseInfo ?? null,
        runtimes: input.CompatibleRuntimes ?? [],
        architectures: input.CompatibleArchitectures ?? [],
        createdAtMs: nowMs,
      };
      store.layers.set(`${name}:${version}`, layer);
      return shape(layer, nowMs);
    },

    GetLayerVersion: (
      input: lambda.GetLayerVersionRequest,
      { nowMs }: RequestContext,
    ): lambda.GetLayerVersionResponse =>
      shape(find(layerName(input.LayerName, scope), input.VersionNumber ?? 0), nowMs),

    GetLayerVersionByArn: (
      input: lambda.GetLayerVersionByArnRequest,
      { nowMs }: RequestContext,
    ): lambda.GetLayerVersionResponse => {
      const { name, version } = parseLayerArn(input.Arn ?? '', scope);
      return shape(find(name, version), nowMs);
    },
  };
}

/** The layer version that a function names. @throws AwsError InvalidParameterValueException when there is none */
export function layerUse(store: LambdaStore, arn: string): LayerUse {
  const { name, version } = parseLayerArn(arn, store.scope);
  const layer = store.layers.get(`${name}:${version}`);
  if (!layer) throw invalidValue(`Layer version ${arn} does not exist.`);
  return { arn, digest: layer.digest, sizeBytes: layer.sizeBytes };
}

function layerArn(name: string, { region, accountId }: { region: string; accountId: string }): string {
  return `arn:aws:lambda:${region}:${accountId}:layer:${name}`;
}

/** Versions only grow: the newest number is the one to count from. */
function latestVersion(store: LambdaStore, name: string): number {
  const prefix = `${name}:`;
  const numbers = store.layers.keys().filter((key) => key.startsWith(prefix));
  return Math.max(0, ...numbers.map((key) => Number(key.slice(prefix.length))));
}

function layerName(text: string | undefined, scope: { region: string; accountId: string }): string {
  const prefix = layerArn('', scope);
  const name = text?.startsWith(prefix) ? text.slice(prefix.length) : (text ?? '');
  if (NAME.test(name)) return name;
  throw validation('layerName', text ?? '', 'Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+');
}

function parseLayerArn(arn: string, scope: { region: string; accountId: string }): { name: string; version: number } {
  const match = /^arn:aws:lambda:[a-z0-9-]+:\d{12}:layer:([a-zA-Z0-9-_]+):(\d+)$/.exec(arn);
  if (!match?.[1]) {
    throw validation(
      'arn',
      arn,
      'Member must satisfy regular expression pattern: arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+',
    );
  }
  // Layers of other accounts cannot be had here: they are as good as absent.
  return arn.startsWith(layerArn('', scope)) ? { name: match[1], version: Number(match[2]) } : { name: '', version: 0 };
}

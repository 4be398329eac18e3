/**
 * What the spec names under `secrets`: where ECS reads each value, and which version of it tasks are to be started with.
 * A task keeps the values that it was started with, so the versions are part of the task definition: a rotation is a new
 * revision, and so a rolling deployment. Parameters of SSM, and secrets of another account or region, are handed to ECS
 * and not watched. Pure.
 */
import type { RegisterTaskDefinitionCommandInput } from '@aws-sdk/client-ecs';
import type { LambdaContainerSpec } from '../api/index.ts';
import { shortHash } from '../core/index.ts';
import { secret, secretNameOf } from '../kinds/index.ts';
import { type Get, type Identity, type Node, node } from '../resource/index.ts';
import type { ComposeInput } from './compose.ts';
import { heldVersion } from './pins.ts';

type Container = NonNullable<RegisterTaskDefinitionCommandInput['containerDefinitions']>[number];
type SecretSource = LambdaContainerSpec['secrets'][string];

/** By variable: which version of its secret a container is started with. */
export type SecretVersions = Readonly<Record<string, string>>;

/** On the containers that have secrets. */
const VERSION_LABEL = 'lambdacontainer.dev/secret-version';
const CURRENT = 'AWSCURRENT';
const NODE_PREFIX = 'secret/';

/** One node for each secret and staging label, however many variables come from it. */
export function secretNodes(input: ComposeInput): Node[] {
  const watched = new Map(watchedOf(input).map(({ nodeId, identity }) => [nodeId, identity]));
  return [...watched].map(([id, identity]) =>
    node(secret, { id, aspect: 'ServiceStable', dependsOn: [], resolve: () => ({ identity, props: {} }) }),
  );
}

/** `get` is asked for the nodes of `secretNodes` alone. */
export function secretVersions(input: ComposeInput, get: Get): SecretVersions {
  return Object.fromEntries(
    watchedOf(input).map(({ variable, nodeId, identity }) => {
      const held = input.holdsSecrets === true ? heldVersion(input.pins, nodeId, identity) : undefined;
      return [variable, held ?? String(get(nodeId).versionId)];
    }),
  );
}

/** Whether a node of this id is one of `secretNodes`. */
export function isSecretNode(nodeId: string): boolean {
  return nodeId.startsWith(NODE_PREFIX);
}

/** Of a container that runs the user's code. */
export function secretsOf(
  { secrets }: LambdaContainerSpec,
  versions: SecretVersions,
): { secrets?: Container['secrets']; labels: Readonly<Record<string, string>> } {
  const entries = Object.entries(secrets).sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return { labels: {} };
  const told = Object.entries(versions)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([variable, version]) => `${variable}=${version}`);
  return {
    secrets: entries.map(([name, source]) => ({ name, valueFrom: valueFrom(source) })),
    labels: told.length === 0 ? {} : { [VERSION_LABEL]: told.join(' ') },
  };
}

/** `arn:json-key:version-stage:version-id`, empty parts included: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html */
function valueFrom({ secretsManager, key = '', versionStage = '', parameter }: SecretSource): string | undefined {
  if (secretsManager === undefined) return parameter;
  return key || versionStage ? `${secretsManager}:${key}:${versionStage}:` : secretsManager;
}

function watchedOf({ spec, klass, region }: ComposeInput): { variable: string; nodeId: string; identity: Identity }[] {
  const account = klass.roles.execution.split(':')[4];
  return Object.entries(spec.secrets).flatMap(([variable, { secretsManager: secretArn, versionStage }]) => {
    const [, , , itsRegion, itsAccount] = secretArn?.split(':') ?? [];
    if (secretArn === undefined || itsRegion !== region || itsAccount !== account) return [];
    const stage = versionStage ?? CURRENT;
    const name = secretNameOf(secretArn);
    const nodeId = `${NODE_PREFIX}${shortHash(`${secretArn} ${stage}`, 8)}`;
    return [{ variable, nodeId, identity: { secretArn, stage, name } }];
  });
}

/**
 * Remembers what tags of images stood for when they were used, and which versions of secrets, and tells when one that is
 * not followed means something else by now. Pure; which tags are followed is the spec's to say, and what a pin does to an image `compose`'s.
 */
import type { LambdaContainerSpec } from '../api/index.ts';
import { isSecretNode, pinsAfter, pinsFor, type TagSeen } from '../compose/index.ts';
import type { ConditionDraft, World } from '../plan/index.ts';
import { type Inventory, type KindRegistry, sameIdentity } from '../resource/index.ts';
import type { Outcome } from './outcome.ts';

/**
 * The inventory with the digests that this pass saw, kept before anything is made of them. `secrets`: whether the versions
 * of secrets stay those that were used until now.
 */
export function withPins(
  inventory: Inventory,
  spec: LambdaContainerSpec,
  world: World,
  kinds: KindRegistry,
  secrets: 'held' | 'taken' = 'held',
): Inventory {
  const all = pinsAfter(spec, inventory.pins, tagsSeen(world, kinds, secrets));
  // Another secret is another node: what the spec names no more is forgotten.
  const isNamed = (nodeId: string) => !isSecretNode(nodeId) || world.nodes.some(({ node }) => node.id === nodeId);
  const pins = world.complete ? Object.fromEntries(Object.entries(all).filter(([nodeId]) => isNamed(nodeId))) : all;
  return Object.keys(pins).length === 0 && inventory.pins === undefined ? inventory : { ...inventory, pins };
}

/** Secrets of which tasks run with another version than the one that has the label now. */
export function rotatedSecrets(inventory: Inventory, world: World, kinds: KindRegistry): string[] {
  return tagsSeen(world, kinds).flatMap(({ nodeId, identity, digest }) => {
    const pin = inventory.pins?.[nodeId];
    const isRotated = isSecretNode(nodeId) && pin && sameIdentity(pin.identity, identity) && pin.digest !== digest;
    return isRotated ? [identity.secretArn ?? nodeId] : [];
  });
}

const OUTDATED: Readonly<Record<string, { aspect: string; reason: string; field: string }>> = {
  'base-image': { aspect: 'ImageBuilt', reason: 'BaseImageOutdated', field: 'spec.build.trackBaseImage is false' },
  source: { aspect: 'SourceResolved', reason: 'ImageOutdated', field: 'spec.source.image.track is digest' },
};

/** The conditions; an aspect that is true says so if what it rests upon has moved on without it. */
export function tellOutdated(
  conditions: readonly ConditionDraft[],
  spec: LambdaContainerSpec,
  inventory: Inventory,
  world: World,
  kinds: KindRegistry,
): ConditionDraft[] {
  const pins = pinsFor(spec, inventory.pins);
  const outdated = tagsSeen(world, kinds).flatMap(({ nodeId, identity, digest }) => {
    const pin = pins[nodeId];
    const told = OUTDATED[nodeId];
    const isBehind = pin && !pin.follows && sameIdentity(pin.identity, identity) && pin.digest !== digest;
    if (!isBehind || !told) return [];
    const message = `${identity.reference} means ${digest} by now; ${pin.digest} is kept, because ${told.field}`;
    return [{ ...told, message }];
  });
  return conditions.map((condition) => {
    const behind = outdated.find(({ aspect }) => aspect === condition.type);
    if (!behind || condition.status !== 'True') return condition;
    return { ...condition, reason: behind.reason, message: behind.message };
  });
}

/** A tag that is followed is looked at again after the interval, by whoever leads; the slow rotation does so anyway. */
export function lookingAgain(outcome: Outcome, { source }: LambdaContainerSpec): Outcome {
  const { image } = source;
  if (outcome.type !== 'done' || !image || image.track !== 'tag' || image.uri.includes('@')) return outcome;
  const { type: _done, ...asides } = outcome;
  return { ...asides, type: 'requeue', afterMs: image.intervalMs };
}

/** By kind: the output that says what it means. */
const MEANINGS: Readonly<Record<string, string>> = { 'base-image': 'digest', secret: 'versionId' };

function tagsSeen({ nodes }: World, kinds: KindRegistry, secrets: 'held' | 'taken' = 'held'): TagSeen[] {
  return nodes.flatMap(({ node, resolved, observation }) => {
    const meaning = MEANINGS[node.kind];
    if (meaning === undefined || !resolved || observation?.state !== 'present') return [];
    const digest = kinds.get(node.kind)?.outputs(observation.observed)[meaning];
    const isHeld = secrets === 'held' && isSecretNode(node.id);
    return typeof digest === 'string' ? [{ nodeId: node.id, identity: resolved.identity, digest, isHeld }] : [];
  });
}

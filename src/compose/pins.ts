/**
 * Which digest a tag stands for in one object: the one that it means now, or, where the spec does not follow the tag, the
 * one that it meant when it was first used. The version of a secret that a label is on is such a digest, too: it is held
 * until the object's turn has come. What was used is kept in the inventory by node; this file reads it and says what is
 * to be kept next. Pure.
 */
import type { LambdaContainerSpec } from '../api/index.ts';
import type { Identity, Outputs, Pin } from '../resource/index.ts';
import { sameIdentity } from '../resource/index.ts';

export type Pins = Readonly<Record<string, Pin>>;

/** Nodes that read a tag, and whether the spec follows it. */
function follows(spec: LambdaContainerSpec): Readonly<Record<string, boolean>> {
  return { 'base-image': spec.build.trackBaseImage, source: spec.source.image?.track !== 'digest' };
}

/** The image that is to be used: the pinned digest of this very reference, else what it means now. */
export function pinned(
  pins: Pins | undefined,
  nodeId: string,
  identity: Identity,
  observed: Outputs,
): { digest: string; uri: string } {
  const pin = pins?.[nodeId];
  const uri = String(observed.uri);
  const digest = pin?.follows === false && sameIdentity(pin.identity, identity) ? pin.digest : String(observed.digest);
  return { digest, uri: `${uri.split('@')[0]}@${digest}` };
}

/** The version of a secret that was used until now, whatever has the label by now. */
export function heldVersion(pins: Pins | undefined, nodeId: string, identity: Identity): string | undefined {
  const pin = pins?.[nodeId];
  return pin && sameIdentity(pin.identity, identity) ? pin.digest : undefined;
}

/** The pins that are compared with what is seen in this pass: those kept, as the spec now wants them treated. */
export function pinsFor(spec: LambdaContainerSpec, kept: Pins | undefined): Pins {
  const rules = follows(spec);
  return Object.fromEntries(
    Object.entries(kept ?? {}).map(([nodeId, pin]) => [nodeId, { ...pin, follows: rules[nodeId] ?? true }]),
  );
}

/** One node that reads a tag, as it was resolved and what it means now. */
export interface TagSeen {
  readonly nodeId: string;
  readonly identity: Identity;
  readonly digest: string;
  /** What it means now is not used yet. */
  readonly isHeld: boolean;
}

/** What is to be kept after `seen`: a digest that is not followed, or held, stays; all else is what was seen. */
export function pinsAfter(spec: LambdaContainerSpec, kept: Pins | undefined, seen: readonly TagSeen[]): Pins {
  const rules = follows(spec);
  const next: Record<string, Pin> = { ...pinsFor(spec, kept) };
  for (const { nodeId, identity, digest, isHeld } of seen) {
    const before = next[nodeId];
    const isKept = before !== undefined && (isHeld || !before.follows) && sameIdentity(before.identity, identity);
    next[nodeId] = isKept ? before : { identity, digest, follows: rules[nodeId] ?? true };
  }
  return next;
}

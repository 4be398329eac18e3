/**
 * What a repository's lifecycle policy does to images with our tags, as ECR reads it: which rule comes to which image, and
 * whether it will expire it in the course of time. Pure. It counts nothing and deletes nothing; a rule that can select an
 * image which a rollback needs is reason enough to say so.
 * https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
 */

import type { World } from './world.ts';

interface Rule {
  readonly rulePriority: number;
  readonly description?: string;
  readonly selection: {
    readonly tagStatus: 'tagged' | 'untagged' | 'any';
    readonly tagPrefixList?: readonly string[];
    readonly tagPatternList?: readonly string[];
    readonly countType: string;
    readonly countUnit?: string;
    readonly countNumber: number;
  };
  readonly action?: { readonly type?: string };
}

export interface Threat {
  readonly tag: string;
  /** `rule 1 (keep ten)`. */
  readonly rule: string;
  /** When it expires an image: `when it is 14 days old`. */
  readonly when: string;
}

/** Threats to the images that an object runs or can be rolled back to, in the repository that its graph names. */
export function imageThreats({ nodes, entries }: World): Threat[] {
  return nodes.flatMap(({ node, resolved, observation }) => {
    if (node.kind !== 'ecr-repository' || observation?.state !== 'present') return [];
    const { lifecyclePolicy } = observation.observed as { readonly lifecyclePolicy?: string | null };
    const repository = resolved?.identity.repositoryName;
    const ours = entries.filter(
      ({ kind, identity }) => kind === 'image-build' && identity.repositoryName === repository,
    );
    return threatsTo([...new Set(ours.flatMap(({ identity }) => identity.tag ?? []))], lifecyclePolicy ?? null);
  });
}

/** For each tag the rule that will expire it, if there is one. A policy that is not understood threatens nothing. */
export function threatsTo(tags: readonly string[], policyText: string | null): Threat[] {
  const rules = rulesOf(policyText);
  return tags.flatMap((tag) => {
    // An image that a rule selects is never expired by a rule of a higher number.
    const rule = rules.find(({ selection }) => selects(selection, tag));
    if (!rule || (rule.action?.type ?? 'expire') !== 'expire') return [];
    const { rulePriority, description } = rule;
    const named = description ? `rule ${rulePriority} (${description})` : `rule ${rulePriority}`;
    return [{ tag, rule: named, when: whenOf(rule) }];
  });
}

function rulesOf(policyText: string | null): Rule[] {
  if (policyText === null || policyText === '') return [];
  try {
    const { rules } = JSON.parse(policyText) as { rules?: readonly Rule[] };
    return [...(rules ?? [])].sort((a, b) => a.rulePriority - b.rulePriority);
  } catch {
    // ECR took it, so it means something that this file does not know.
    return [];
  }
}

/** Of an image that has this one tag: ours have no other. */
function selects({ tagStatus, tagPrefixList, tagPatternList }: Rule['selection'], tag: string): boolean {
  if (tagStatus === 'untagged') return false;
  if (tagStatus === 'any') return true;
  // Of several prefixes or patterns an image must have a tag for each.
  return (
    (tagPrefixList ?? []).every((prefix) => tag.startsWith(prefix)) &&
    (tagPatternList ?? []).every((pattern) => matches(pattern, tag))
  );
}

function matches(pattern: string, tag: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(tag);
}

function whenOf({ selection: { countType, countNumber, countUnit = 'days' } }: Rule): string {
  if (countType === 'imageCountMoreThan') return `when ${countNumber} newer images are there`;
  if (countType === 'sinceImagePushed') return `when it is ${countNumber} ${countUnit} old`;
  if (countType === 'sinceImagePulled') return `when nobody pulled it for ${countNumber} ${countUnit}`;
  return `by ${countType} ${countNumber}`;
}

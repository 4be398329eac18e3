/**
 * The types that everyone above this room speaks: objects as written, specs after defaults, and status. The spec types
 * are derived from the schemas, never written twice.
 */
import type * as z from 'zod';
import type { classSpecSchema } from './schema/class.ts';
import type { containerSpecSchema } from './schema/container.ts';
import type { gitSourceSpecSchema } from './schema/git-source.ts';
import type {
  conditionSchema,
  containerStatusSchema,
  sourceObjectSchema,
  sourceStatusSchema,
} from './schema/status.ts';

export const API_VERSION = 'lambdacontainer.dev/v1alpha1';

export const KIND_CONTAINER = 'LambdaContainer';
export const KIND_CLASS = 'LambdaContainerClass';
export const KIND_GIT_SOURCE = 'GitSource';
export const API_KINDS = [KIND_CONTAINER, KIND_CLASS, KIND_GIT_SOURCE] as const;
export type ApiKind = (typeof API_KINDS)[number];

/**
 * After validation and all defaults, those of the class included: `network.subnets`, `network.securityGroups` and
 * `roles` hold the class's where the spec says nothing. Durations are numbers under names that end in `Ms`.
 */
export type LambdaContainerSpec = z.output<typeof containerSpecSchema>;

/** After validation and defaults; `defaults` as written, because they lie beneath the specs that name the class. */
export type LambdaContainerClassSpec = Omit<z.output<typeof classSpecSchema>, 'defaults'> & {
  readonly defaults: Readonly<Record<string, unknown>>;
};

export type GitSourceSpec = z.output<typeof gitSourceSpecSchema>;

/** The key of a record: `name` is `class/<name>` or `source/<name>` in the reserved partition. */
export interface ObjectKey {
  readonly namespace: string;
  readonly name: string;
}

/** An object as a person wrote it: the envelope is valid, `spec` is not judged yet. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: ApiKind;
  /** `_system` for classes and sources. */
  readonly namespace: string;
  /** Without the `class/` or `source/` that its record has. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: unknown;
}

export type Condition = z.output<typeof conditionSchema>;
export type ConditionStatus = Condition['status'];

export type LambdaContainerStatus = z.output<typeof containerStatusSchema>;
export type Phase = LambdaContainerStatus['phase'];
export type DriftEntry = LambdaContainerStatus['drift'][number];
/** What stands in status about a resource; the whole inventory is its own item. */
export type InventorySummary = LambdaContainerStatus['inventory'][number];

export type GitSourceStatus = z.output<typeof sourceStatusSchema>;
/** What a sync did with one object. */
export type SourceObject = z.output<typeof sourceObjectSchema>;
export type SourceResult = SourceObject['result'];

/**
 * Judges specs: defaults applied (the class's beneath the spec, the product's beneath both), every defect in one
 * answer. Pure: no AWS call, no clock; what only AWS can tell (does the function exist?) is the controller's to find.
 */
import { check } from './check.ts';
import { classRules } from './class-rules.ts';
import { bounded, type Defect } from './defects.ts';
import { PathIndex } from './path-index.ts';
import { toPlain } from './plain.ts';
import { brokenRules } from './rules.ts';
import { classSpecSchema } from './schema/class.ts';
import { containerSpecSchema } from './schema/container.ts';
import { gitSourceSpecSchema } from './schema/git-source.ts';
import { sourceRules } from './source-rules.ts';
import {
  type ApiKind,
  type GitSourceSpec,
  KIND_CLASS,
  KIND_GIT_SOURCE,
  type LambdaContainerClassSpec,
  type LambdaContainerSpec,
} from './types.ts';
import { unsupported } from './unsupported.ts';

export type Validated<T> = { spec: T; defects: [] } | { spec: undefined; defects: Defect[] };

const ROOT = 'spec';

/**
 * The defaulted spec, or every defect. Without a class (not known here, or gone) only what needs none is judged.
 * @param namespace of the object; judged against the namespaces that the class admits
 */
export function validateLambdaContainer(
  rawSpec: unknown,
  classSpec: LambdaContainerClassSpec | undefined,
  namespace?: string,
): Validated<LambdaContainerSpec> {
  const plain = toPlain(rawSpec, ROOT);
  if (plain.defects.some((item) => item.path === ROOT)) return { spec: undefined, defects: plain.defects };
  const checked = check(containerSpecSchema, layered(classSpec, plain.value), ROOT);
  const defects = gather(plain.defects, unsupported(plain.value, [ROOT]), checked.defects);
  if (checked.value) {
    defects.push(...brokenRules({ spec: checked.value, raw: plain.value, classSpec, namespace }, defects));
  }
  if (defects.length > 0 || !checked.value) return { spec: undefined, defects: bounded(defects, ROOT, checked.more) };
  return { spec: checked.value, defects: [] };
}

/** The defaulted class, or every defect. */
export function validateClass(rawSpec: unknown): Validated<LambdaContainerClassSpec> {
  const plain = toPlain(rawSpec, ROOT);
  if (plain.defects.some((item) => item.path === ROOT)) return { spec: undefined, defects: plain.defects };
  const checked = check(classSpecSchema, plain.value, ROOT);
  const rawDefaults = memberOf(plain.value, 'defaults');
  const defects = gather(plain.defects, unsupported(rawDefaults, [ROOT, 'defaults']), checked.defects);
  if (checked.value) addUnspoilt(defects, classRules(checked.value));
  if (defects.length > 0 || !checked.value) return { spec: undefined, defects: bounded(defects, ROOT, checked.more) };
  return { spec: { ...checked.value, defaults: isObject(rawDefaults) ? rawDefaults : {} }, defects: [] };
}

/** The defaulted source, or every defect. */
export function validateGitSource(rawSpec: unknown): Validated<GitSourceSpec> {
  const plain = toPlain(rawSpec, ROOT);
  if (plain.defects.some((item) => item.path === ROOT)) return { spec: undefined, defects: plain.defects };
  const checked = check(gitSourceSpecSchema, plain.value, ROOT);
  const defects = gather(plain.defects, [], checked.defects);
  if (checked.value) addUnspoilt(defects, sourceRules(checked.value));
  if (defects.length > 0 || !checked.value) return { spec: undefined, defects: bounded(defects, ROOT, checked.more) };
  return { spec: checked.value, defects: [] };
}

/** What is wrong with a spec whatever its class: beside the defects of an envelope, in one answer. */
export function specDefects(kind: ApiKind, rawSpec: unknown): Defect[] {
  if (kind === KIND_CLASS) return validateClass(rawSpec).defects;
  if (kind === KIND_GIT_SOURCE) return validateGitSource(rawSpec).defects;
  return validateLambdaContainer(rawSpec, undefined).defects;
}

/** Defects of rules about members that have none yet. */
function addUnspoilt(defects: Defect[], broken: readonly Defect[]): void {
  const spoilt = new PathIndex(defects.map(({ path }) => path));
  for (const item of broken) {
    if (spoilt.overlaps(item.path)) continue;
    spoilt.add(item.path);
    defects.push(item);
  }
}

/** What is not available wins over what is wrong inside of it, but a misspelt value is misspelt. */
function gather(plain: readonly Defect[], missing: readonly Defect[], schema: readonly Defect[]): Defect[] {
  const exact = new Set(schema.map(({ path }) => path));
  const first = [...plain, ...missing.filter(({ path }) => !exact.has(path))];
  const told = new PathIndex(first.map(({ path }) => path));
  return [...first, ...schema.filter(({ path }) => !told.overlaps(path))];
}

// ------------------------------------------------------------------------------------------------------- layering

type Json = Record<string, unknown>;

/** The spec over the class's defaults over the class's own settings. Objects are merged, all else is replaced. */
function layered(classSpec: LambdaContainerClassSpec | undefined, raw: unknown): unknown {
  if (raw !== undefined && !isObject(raw)) return raw;
  // An empty list in the spec means "as the class says".
  const network = isObject(raw?.network) ? withoutEmptyLists(raw.network) : raw?.network;
  const spec = network === undefined ? (raw ?? {}) : { ...raw, network };
  return classSpec ? merge(merge(settingsOf(classSpec), classSpec.defaults), spec) : spec;
}

function settingsOf(classSpec: LambdaContainerClassSpec): Json {
  const { subnets, securityGroups, assignPublicIp, roles, health, caps } = classSpec;
  return {
    network: { subnets, securityGroups, assignPublicIp },
    roles: { execution: roles.execution, ...(roles.task === undefined ? {} : { task: roles.task }) },
    traffic: { healthCheck: { interval: `${health.intervalSec}s`, healthyThreshold: health.healthyThreshold } },
    // The product's default of two tasks must not break the cap for somebody who asked for nothing.
    ...(caps.maxTasks === 1 ? { scaling: { max: 1 } } : {}),
  };
}

function withoutEmptyLists(members: Json): Json {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => !Array.isArray(value) || value.length > 0));
}

function merge(under: unknown, over: unknown): unknown {
  if (over === undefined) return under;
  if (!isObject(under) || !isObject(over)) return over;
  const merged: Json = { ...under };
  for (const [key, value] of Object.entries(over))
    merged[key] = merge(Object.hasOwn(under, key) ? under[key] : undefined, value);
  return merged;
}

function memberOf(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The registry: every AWS resource that an object can be made of. A kind that is not listed here does not exist. */
import type { AnyKind, KindRegistry } from '../resource/index.ts';
import { baseImage } from './base-image/index.ts';
import { codebuildProject } from './codebuild-project/index.ts';
import { ecrRepository } from './ecr-repository/index.ts';
import { ecsService } from './ecs-service/index.ts';
import { gitCommit } from './git-commit/index.ts';
import { iamRole } from './iam-role/index.ts';
import { imageBuild } from './image-build/index.ts';
import { lambdaFunction } from './lambda-function/index.ts';
import { lambdaPermission } from './lambda-permission/index.ts';
import { lambdaTarget } from './lambda-target/index.ts';
import { listenerRule } from './listener-rule/index.ts';
import { logGroup } from './log-group/index.ts';
import { ruleWeights } from './rule-weights/index.ts';
import { s3Object } from './s3-object/index.ts';
import { scalableTarget } from './scalable-target/index.ts';
import { scalingPolicy } from './scaling-policy/index.ts';
import { secret } from './secret/index.ts';
import { targetGroup } from './target-group/index.ts';
import { targetHealth } from './target-health/index.ts';
import { taskDefinition } from './task-definition/index.ts';

const ALL: readonly AnyKind[] = [
  lambdaFunction,
  gitCommit,
  s3Object,
  iamRole,
  baseImage,
  secret,
  ecrRepository,
  codebuildProject,
  imageBuild,
  logGroup,
  taskDefinition,
  targetGroup,
  lambdaPermission,
  lambdaTarget,
  targetHealth,
  listenerRule,
  ruleWeights,
  ecsService,
  scalableTarget,
  scalingPolicy,
];

/** Every kind by name. */
export const KINDS: KindRegistry = new Map(ALL.map((kind) => [kind.name, kind]));

export * from './base-image/index.ts';
export * from './codebuild-project/index.ts';
export * from './ecr-repository/index.ts';
export * from './ecs-service/index.ts';
export * from './git-commit/index.ts';
export * from './iam-role/index.ts';
export * from './image-build/index.ts';
export * from './lambda-function/index.ts';
export * from './lambda-permission/index.ts';
export * from './lambda-target/index.ts';
export * from './listener-rule/index.ts';
export * from './log-group/index.ts';
export * from './rule-weights/index.ts';
export * from './s3-object/index.ts';
export * from './scalable-target/index.ts';
export * from './scaling-policy/index.ts';
export * from './secret/index.ts';
export * from './target-group/index.ts';
export * from './target-health/index.ts';
export * from './task-definition/index.ts';

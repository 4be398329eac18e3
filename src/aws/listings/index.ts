/** Bulk listings of AWS's, one a file, shared by the kinds that they show. */
export * from './codebuild-projects.ts';
export * from './ecr-images.ts';
export * from './ecr-repositories.ts';
export * from './ecs-services.ts';
export * from './lambda-functions.ts';
export * from './listener-rules.ts';
export type { Listing } from './listing.ts';
export * from './log-groups.ts';
export * from './scalable-targets.ts';
export * from './scaling-policies.ts';
export * from './tagged-resources.ts';
export * from './target-groups.ts';

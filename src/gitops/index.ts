export { GitOps, type GitOpsParts, type GitOpsSettings } from './gitops.ts';
export { REPOSITORY_LIMITS, type RepositoryLimits } from './repository.ts';
export type { SourceTable } from './source-runner.ts';
export type { WebhookAnswer, WebhookRequest } from './webhook.ts';

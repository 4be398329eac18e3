/** The door of the container machine. */

export type { TaskSecrets } from './ecs/secrets.ts';
export { type EcsDeps, EcsService } from './ecs/service.ts';
export type { Images, TargetGroups } from './ecs/task-runner.ts';

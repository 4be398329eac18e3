/** The door of the container machine. */
export { type EcsDeps, EcsService } from './ecs/service.ts';
export type { Images, TargetGroups } from './ecs/task-runner.ts';

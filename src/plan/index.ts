/** The door of the room: the planner, what a plan means to people, and who owns which field. */
export * from './carry-over.ts';
export * from './conditions.ts';
export * from './consequences.ts';
export * from './contention.ts';
export * from './drift-rules.ts';
export * from './explain.ts';
export * from './field-owners.ts';
export * from './hidden-values.ts';
export * from './image-retention.ts';
export * from './plan.ts';
export * from './plan-hash.ts';
export * from './step-risk.ts';
export * from './world.ts';

export * from './conditions.ts';
export * from './plan.ts';
export * from './world.ts';

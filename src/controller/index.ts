export * from './allocator.ts';
export * from './classes.ts';
export * from './controller.ts';
export * from './memory.ts';
export * from './narrator.ts';
export * from './reconciler.ts';
export * from './workqueue.ts';

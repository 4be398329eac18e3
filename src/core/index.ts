export * from './canonical.ts';
export * from './clock.ts';
export * from './duration.ts';
export * from './failure.ts';
export * from './logger.ts';
export * from './random.ts';
export * from './virtual-clock.ts';

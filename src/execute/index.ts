export * from './observe.ts';
export * from './steps.ts';

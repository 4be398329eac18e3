export * from './allocations.ts';
export { DECISIONS_MAX, type Happening } from './chronicle.ts';
export * from './desired-stream.ts';
export * from './desired-table.ts';
export { fittingStatus } from './fitting-status.ts';
export * from './lease.ts';
export { CONTROLLER_NAMESPACE } from './state-keys.ts';
export * from './state-table.ts';
export type { Versioned } from './versioned-items.ts';

export * from './allocations.ts';
export * from './desired-stream.ts';
export * from './desired-table.ts';
export * from './lease.ts';
export * from './state-table.ts';

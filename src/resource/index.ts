/** The door of the room: the contract of a resource kind, nodes and their order, and what is remembered of an object. */
export * from './absence.ts';
export * from './api-calls.ts';
export * from './changes.ts';
export * from './contract.ts';
export * from './events.ts';
export * from './external.ts';
export * from './fingerprint.ts';
export * from './graph.ts';
export * from './inventory.ts';
export * from './key.ts';
export * from './ownership.ts';
export * from './sweep.ts';

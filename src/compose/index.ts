export * from './compose.ts';
export * from './image.ts';
export * from './names.ts';
export * from './pins.ts';
export { isSecretNode } from './secrets.ts';
export { type Code, sourceNodeId } from './source.ts';
export * from './traffic.ts';

export * from './compose.ts';
export * from './image.ts';
export * from './names.ts';
export * from './traffic.ts';

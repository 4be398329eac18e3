export * from './attribute-values.ts';
export * from './classify.ts';
export * from './ecr-credentials.ts';
export * from './operations.ts';
export * from './ownership-tags.ts';
export * from './ports.ts';
export * from './sdk-ports.ts';

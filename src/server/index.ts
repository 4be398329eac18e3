export * from './http-listener.ts';

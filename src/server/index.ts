export * from './emf.ts';
export * from './health.ts';
export * from './http-listener.ts';
export * from './metrics-route.ts';
export * from './process-metrics.ts';

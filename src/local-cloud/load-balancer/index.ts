/** The door of the load balancer's sockets. */
export * from './load-balancer.ts';

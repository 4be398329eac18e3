/** The door of the adapter for other rooms: the Runtime API and the event formats. The program is `main.ts`. */
export * from './events/index.ts';
export * from './runtime-api.ts';

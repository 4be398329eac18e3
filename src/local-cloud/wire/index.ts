export { serveWire, type WireOptions, type WireRoute } from './server.ts';

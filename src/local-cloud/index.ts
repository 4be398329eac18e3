export { Cloud, type CloudOptions, type Services } from './cloud.ts';
export { BareCloud, CloudCore, type CloudCoreOptions, type Intercept } from './cloud-core.ts';
export * from './contract.ts';
export { createDirectPorts } from './direct-ports.ts';
export type { Credentials, Denied, Use } from './iam/index.ts';
export { fileBlobs, memoryBlobs, memoryState, openJournal, type StateStore } from './state/index.ts';
export { serveWire, type WireOptions, type WireRoute } from './wire/index.ts';

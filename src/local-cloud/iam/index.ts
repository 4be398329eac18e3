export { ACTIONS, type Account } from './actions/index.ts';
export { Authorizer, type Denied } from './authorizer.ts';
export { type Attached, type Decision, evaluate, type Grant, type Principal, type Question } from './evaluate.ts';
export { type Credentials, type Identified, type Identity, ROOT_ACCESS_KEYS } from './identity.ts';
export { Ledger, type Use } from './ledger.ts';
export type { Keys } from './pattern.ts';
export { type Policy, PolicyDefect, parsePolicy } from './policy.ts';
export { refusedKey } from './refusals.ts';

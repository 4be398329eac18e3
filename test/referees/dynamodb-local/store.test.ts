/** The store suite on Amazon's DynamoDB Local: what the embedded one lets pass, that one must as well. */
import { afterAll, beforeAll, describe } from 'vitest';
import type { Backend } from '../../store/backend.ts';
import { coordinationSuite } from '../../store/coordination-suite.ts';
import { desiredSuite } from '../../store/desired-suite.ts';
import { stateSuite } from '../../store/state-suite.ts';
import { missing, openDynamoDbLocal } from './server.ts';

describe.skipIf(missing)(`the store on DynamoDB Local${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let backend: Backend;
  let tables = 0;
  beforeAll(async () => {
    backend = await openDynamoDbLocal();
  }, 90_000);
  afterAll(() => backend.close());
  const nextName = () => `table-${tables++}`;
  desiredSuite(() => backend, nextName);
  stateSuite(() => backend, nextName);
  coordinationSuite(() => backend, nextName);
});

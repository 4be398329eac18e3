/** Ten updates in a row under load, with the real program: not one request fails. In the nightly run (EVERY=1); it takes minutes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { code, createFunction } from './local-account.ts';
import { eventually, LocalRun, load, ready, removeFolder, temporaryFolder } from './local-run.ts';

const UPDATES = 10;
const LONG = 900_000;
const isNightly = process.env.EVERY !== undefined;

let folder = '';
let run: LocalRun;

beforeAll(async () => {
  if (!isNightly) return;
  folder = temporaryFolder();
  run = new LocalRun(folder);
  await run.says('Try next');
}, 60_000);

afterAll(async () => {
  await run?.stop();
  removeFolder(folder);
}, 60_000);

describe.skipIf(!isNightly)('rolling updates (skipped outside of the nightly run: EVERY=1)', () => {
  it(
    `${UPDATES} in a row under 50 requests a second: none fails`,
    async () => {
      await createFunction(run, 'rolling', code('0'));
      await run.put('rolling', { source: { functionRef: { name: 'rolling' } }, scaling: { min: 2, max: 4 } });
      await ready(run, 'rolling');
      const requests = load(`${run.url}/rolling`, 50);
      for (let update = 1; update <= UPDATES; update++) {
        await run.aws.lambda.updateFunctionCode({ FunctionName: 'rolling', ZipFile: code(String(update)) });
        await ready(run, 'rolling', ({ revision }) => revision?.current === update + 1);
        await eventually(async () => requests.answers.slice(-50).every(({ body }) => body === String(update)));
      }
      const answers = await requests.stop();
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
      expect(new Set(answers.map(({ body }) => body)).size).toBe(UPDATES + 1);
    },
    LONG,
  );
});

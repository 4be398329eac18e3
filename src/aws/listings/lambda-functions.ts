/**
 * Functions of the account, 50 a page. An account may have far more functions than are looked for: where asking for each
 * is fewer calls than the pages that had to be turned last time, each is asked for by itself (GetFunction has a far wider
 * limit, too). The listing shows no State and no LastUpdateStatus, no reserved concurrency, tags, aliases or versions.
 * https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html
 */
import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import type { Ports } from '../ports.ts';
import { batches, callsOf, type Listing, pages } from './listing.ts';

const PAGE_SIZE = 50;

/** How many pages were turned last time, until everything was found. A guess at the next time, and no more. */
const PAGES_TURNED = new WeakMap<Ports, number>();

/** Scope: none. Functions are looked for by name or unqualified ARN; what is listed is `$LATEST`. */
export const lambdaFunctions: Listing<FunctionConfiguration> = {
  name: 'lambda ListFunctions',
  async *list(aws, _account, names, call) {
    if (names.length > 0 && names.length < (PAGES_TURNED.get(aws) ?? 0)) {
      yield* batches(names, 1, async ([FunctionName]) => {
        const { Configuration } = await aws.lambda.getFunction({ FunctionName }, call);
        return Configuration ? [Configuration] : [];
      });
      return;
    }
    let turned = 0;
    yield* pages(
      async (Marker) => {
        const answer = await aws.lambda.listFunctions({ MaxItems: PAGE_SIZE, ...(Marker ? { Marker } : {}) }, call);
        PAGES_TURNED.set(aws, ++turned);
        return { entries: answer.Functions, next: answer.NextMarker };
      },
      names,
      namesOf,
    );
  },
  namesOf,
  calls: (names) => callsOf(names, PAGE_SIZE),
};

function namesOf({ FunctionName = '', FunctionArn = '' }: FunctionConfiguration): string[] {
  return [FunctionName, FunctionArn];
}

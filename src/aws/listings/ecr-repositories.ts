/**
 * Repositories by name, 100 a call. One name that is not there fails such a call, and AWS does not say which: then the
 * account's repositories are listed instead, 1,000 a page. The listing does not show their tags.
 * https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html
 */
import type { Repository } from '@aws-sdk/client-ecr';
import { isFailure } from '../../core/index.ts';
import type { Call, Ports } from '../ports.ts';
import { callsOf, type Listing, pages } from './listing.ts';

const NAMES_MAX = 100;
const PAGE_SIZE = 1_000;

/** Scope: none. */
export const ecrRepositories: Listing<Repository> = {
  name: 'ecr DescribeRepositories',
  async *list(aws, _account, names, call) {
    for (let at = 0; at < names.length; at += NAMES_MAX) {
      const repositoryNames = names.slice(at, at + NAMES_MAX);
      try {
        yield (await aws.ecr.describeRepositories({ repositoryNames }, call)).repositories ?? [];
      } catch (error) {
        if (!isFailure(error, 'notFound')) throw error;
        yield* all(aws, names.slice(at), call);
        return;
      }
    }
  },
  namesOf,
  calls: (names) => callsOf(names, NAMES_MAX),
};

function all(aws: Ports, names: readonly string[], call: Call) {
  return pages(
    async (nextToken) => {
      const input = { maxResults: PAGE_SIZE, ...(nextToken ? { nextToken } : {}) };
      const answer = await aws.ecr.describeRepositories(input, call);
      return { entries: answer.repositories, next: answer.nextToken };
    },
    names,
    namesOf,
  );
}

function namesOf({ repositoryName = '', repositoryArn = '' }: Repository): string[] {
  return [repositoryName, repositoryArn];
}

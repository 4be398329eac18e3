/**
 * The tagged images of one repository, 1,000 a page.
 * https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html
 */
import type { ImageDetail } from '@aws-sdk/client-ecr';
import { callsOf, type Listing, pages } from './listing.ts';

const PAGE_SIZE = 1_000;

/** Scope: the repository's name. Images are looked for by tag. */
export const ecrImages: Listing<ImageDetail> = {
  name: 'ecr DescribeImages',
  list: (aws, repositoryName, names, call) =>
    pages(
      async (nextToken) => {
        const answer = await aws.ecr.describeImages(
          {
            repositoryName,
            filter: { tagStatus: 'TAGGED' },
            maxResults: PAGE_SIZE,
            ...(nextToken ? { nextToken } : {}),
          },
          call,
        );
        return { entries: answer.imageDetails, next: answer.nextToken };
      },
      names,
      namesOf,
    ),
  namesOf,
  calls: (names) => callsOf(names, PAGE_SIZE),
};

function namesOf({ imageTags = [] }: ImageDetail): string[] {
  return imageTags;
}

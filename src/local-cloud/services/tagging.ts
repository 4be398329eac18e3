/**
 * The Resource Groups Tagging API over everything here that holds tags. It keeps nothing: each answer is read from the
 * services. Changing tags through it, tag keys and values, and compliance reports do not exist here and answer so by
 * name. A resource that never had tags is not listed, as on AWS.
 */
import type * as tagging from '@aws-sdk/client-resource-groups-tagging-api';
import { AwsError, type CloudService, type Handler } from '../contract.ts';

export interface TaggedResource {
  readonly arn: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** A service whose resources hold tags. */
export interface TagHolder {
  /** Every resource, those without tags included. Reads only; what it gives is not to be kept. */
  taggedResources(): Iterable<TaggedResource>;
}

const PAGE_MAX = 100;
const ARNS_MAX = 100;
const TYPES_MAX = 100;
const FILTERS_MAX = 50;
const VALUES_MAX = 20;

export class TaggingService implements CloudService {
  readonly id = 'tagging';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #holders: readonly TagHolder[];

  constructor(holders: readonly TagHolder[]) {
    this.#holders = holders;
    this.operations = { GetResources: this.#getResources };
  }

  readonly #getResources = (
    input: tagging.GetResourcesCommandInput,
  ): Omit<tagging.GetResourcesCommandOutput, '$metadata'> => {
    const { ResourceARNList: arns, ResourcesPerPage: size = 50, TagFilters: filters = [], PaginationToken } = input;
    for (const member of ['IncludeComplianceDetails', 'ExcludeCompliantResources', 'TagsPerPage'] as const) {
      if (input[member] !== undefined) throw invalid(`${member} is not supported by the local cloud`);
    }
    check(input);
    const isWanted = resourceFilter(input);
    // ARNs and pages exclude each other: the answer to a list of ARNs is whole.
    const page = new FirstByArn(arns ? ARNS_MAX : size, PaginationToken ? arnOf(PaginationToken) : '');
    for (const holder of this.#holders) {
      for (const { arn, tags } of holder.taggedResources()) {
        if (!page.takes(arn) || Object.keys(tags).length === 0) continue;
        if (isWanted(arn) && matches(tags, filters)) page.add({ arn, tags });
      }
    }
    const last = page.items.at(-1);
    return {
      PaginationToken: page.isCut && last ? tokenOf(last.arn) : '',
      ResourceTagMappingList: page.items.map(({ arn, tags }) => ({
        ResourceARN: arn,
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      })),
    };
  };
}

/** The first few by ARN of those after one, found in one look through all: an account may have very many. */
class FirstByArn {
  readonly items: TaggedResource[] = [];
  /** There are more behind them. */
  isCut = false;
  readonly #size: number;
  readonly #after: string;

  constructor(size: number, after: string) {
    this.#size = size;
    this.#after = after;
  }

  /** Whether it would stand among the first, as far as they are known. */
  takes(arn: string): boolean {
    if (arn <= this.#after) return false;
    return !this.isCut || arn < (this.items.at(-1)?.arn ?? '');
  }

  add(resource: TaggedResource): void {
    let [from, to] = [0, this.items.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.items[middle]?.arn ?? '') < resource.arn) from = middle + 1;
      else to = middle;
    }
    this.items.splice(from, 0, resource);
    if (this.items.length <= this.#size) return;
    this.items.pop();
    this.isCut = true;
  }
}

/** An opaque token that says after which ARN the next page begins. */
function tokenOf(arn: string): string {
  return Buffer.from(`after:${arn}`, 'utf8').toString('base64url');
}

/** @throws AwsError when the token is none of ours */
function arnOf(token: string): string {
  const match = /^after:(arn:.+)$/.exec(Buffer.from(token, 'base64url').toString('utf8'));
  if (match?.[1] !== undefined) return match[1];
  throw new AwsError('PaginationTokenExpiredException', 'The pagination token is expired or invalid.');
}

function check(input: tagging.GetResourcesCommandInput): void {
  const { ResourceARNList: arns, ResourcesPerPage, ResourceTypeFilters: types, TagFilters: filters } = input;
  if (ResourcesPerPage !== undefined && (ResourcesPerPage < 1 || ResourcesPerPage > PAGE_MAX)) {
    throw invalid(`ResourcesPerPage must be between 1 and ${PAGE_MAX}`);
  }
  if (arns) {
    if (arns.length < 1 || arns.length > ARNS_MAX)
      throw invalid(`ResourceARNList must have between 1 and ${ARNS_MAX} members`);
    if (types || filters || input.PaginationToken || ResourcesPerPage !== undefined) {
      throw invalid('ResourceARNList cannot be used together with other parameters');
    }
    const wrong = arns.find((arn) => arn.split(':').length < 6 || !arn.startsWith('arn:'));
    if (wrong !== undefined) throw invalid(`${wrong} is not a valid ARN`);
  }
  if (types && types.length > TYPES_MAX) throw invalid(`ResourceTypeFilters can have at most ${TYPES_MAX} members`);
  const wrongType = types?.find((type) => !/^[a-z0-9-]+(:[\w/.-]+)?$/i.test(type));
  if (wrongType !== undefined) throw invalid(`${wrongType} is not a valid resource type`);
  if (filters && filters.length > FILTERS_MAX) throw invalid(`TagFilters can have at most ${FILTERS_MAX} members`);
  for (const { Key = '', Values = [] } of filters ?? []) {
    if (Key.length < 1 || Key.length > 128) throw invalid('The key of a tag filter has 1 to 128 characters');
    if (Values.length > VALUES_MAX) throw invalid(`A tag filter can have at most ${VALUES_MAX} values`);
  }
}

function resourceFilter({ ResourceARNList, ResourceTypeFilters }: tagging.GetResourcesCommandInput) {
  if (ResourceARNList) {
    const wanted = new Set(ResourceARNList);
    return (arn: string) => wanted.has(arn);
  }
  if (!ResourceTypeFilters?.length) return () => true;
  return (arn: string) => ResourceTypeFilters.some((type) => isOfType(arn, type));
}

/** `ecs:service`, `elasticloadbalancing:targetgroup`, `sqs`: the service, and the start of the resource where it is typed. */
function isOfType(arn: string, type: string): boolean {
  const [, , service, , , ...rest] = arn.split(':');
  const [wantedService, wantedType] = type.split(':');
  if (service !== wantedService) return false;
  if (wantedType === undefined) return true;
  const resource = rest.join(':');
  return resource.startsWith(`${wantedType}/`) || resource.startsWith(`${wantedType}:`);
}

/** Every filter must match; of its values any, and any at all when it names none. */
function matches(tags: TaggedResource['tags'], filters: readonly tagging.TagFilter[]): boolean {
  return filters.every(({ Key = '', Values = [] }) => {
    const value = tags[Key];
    return value !== undefined && (Values.length === 0 || Values.includes(value));
  });
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterException', message);
}

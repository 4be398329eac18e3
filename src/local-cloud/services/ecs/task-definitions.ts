/** Task definitions: numbered, immutable, listed and retired. A revision number is never given twice. */
import type {
  DeregisterTaskDefinitionRequest,
  DeregisterTaskDefinitionResponse,
  DescribeTaskDefinitionRequest,
  DescribeTaskDefinitionResponse,
  ListTaskDefinitionsRequest,
  ListTaskDefinitionsResponse,
  RegisterTaskDefinitionRequest,
  RegisterTaskDefinitionResponse,
  TaskDefinition,
} from '@aws-sdk/client-ecs';
import type { RequestContext } from '../../contract.ts';
import { page } from '../elbv2/page.ts';
import { parseDefinition } from './definition.ts';
import {
  clientError,
  type EcsRecords,
  invalidParameter,
  pageLimit,
  type TaskDefinitionRecord,
  unsupported,
} from './model.ts';
import { parseTags, tagList } from './tags.ts';

/** Handlers by operation name. Each validates first and changes after, so a refused call leaves nothing behind. */
export function taskDefinitionOperations(records: EcsRecords) {
  return {
    RegisterTaskDefinition(
      input: RegisterTaskDefinitionRequest,
      { nowMs }: RequestContext,
    ): RegisterTaskDefinitionResponse {
      const definition = parseDefinition(input);
      const tags = parseTags(input.tags);
      const family = input.family ?? '';
      const revision = (records.revisions.get(family) ?? 0) + 1;
      const record: TaskDefinitionRecord = {
        arn: records.arn(`task-definition/${family}:${revision}`),
        family,
        revision,
        status: 'ACTIVE',
        registeredMs: nowMs,
        definition,
        tags,
      };
      records.revisions.set(family, revision);
      records.taskDefinitions.set(`${family}:${revision}`, record);
      return { taskDefinition: describe(records, record), tags: tagList(tags) };
    },

    DescribeTaskDefinition(input: DescribeTaskDefinitionRequest): DescribeTaskDefinitionResponse {
      const record = records.taskDefinition(input.taskDefinition ?? '');
      if (!record) throw clientError('Unable to describe task definition.');
      return {
        taskDefinition: describe(records, record),
        ...(input.include?.includes('TAGS') ? { tags: tagList(record.tags) } : {}),
      };
    },

    ListTaskDefinitions(input: ListTaskDefinitionsRequest): ListTaskDefinitionsResponse {
      const status = input.status ?? 'ACTIVE';
      const { familyPrefix } = input;
      const chosen = records.taskDefinitions
        .keys()
        .filter((key) => familyPrefix === undefined || key.slice(0, key.indexOf(':')) === familyPrefix)
        .flatMap((key) => records.taskDefinitions.get(key) ?? [])
        .filter((record) => record.status === status);
      const { items, next } = page(
        chosen,
        ({ family, revision }) => `${family} ${String(revision).padStart(10, '0')}`,
        {
          token: input.nextToken,
          limit: pageLimit(input.maxResults, 100),
          descending: input.sort === 'DESC',
          invalid: () => invalidParameter('Invalid token.'),
        },
      );
      return { taskDefinitionArns: items.map(({ arn }) => arn), ...(next === undefined ? {} : { nextToken: next }) };
    },

    DeregisterTaskDefinition(
      input: DeregisterTaskDefinitionRequest,
      { nowMs }: RequestContext,
    ): DeregisterTaskDefinitionResponse {
      const reference = input.taskDefinition ?? '';
      if (!/:\d+$/.test(reference))
        throw invalidParameter('Task definition must be given as family:revision or as an ARN.');
      const record = records.taskDefinition(reference);
      if (!record) throw clientError('The specified task definition does not exist.');
      if (record.status === 'ACTIVE') {
        record.status = 'INACTIVE';
        record.deregisteredMs = nowMs;
        records.taskDefinitions.set(`${record.family}:${record.revision}`, record);
      }
      return { taskDefinition: describe(records, record) };
    },
  };
}

/** A definition that a service or task may start from. @throws AwsError ClientException, InvalidParameterException */
export function usableDefinition(records: EcsRecords, reference: string | undefined): TaskDefinitionRecord {
  const record = records.taskDefinition(reference ?? '');
  if (!record) throw clientError('TaskDefinition not found.');
  if (record.status !== 'ACTIVE') throw clientError('TaskDefinition is inactive');
  if (!record.definition.compatibilities?.includes('FARGATE'))
    throw invalidParameter('Task definition does not support launch_type FARGATE.');
  if (!record.definition.requiresCompatibilities?.includes('FARGATE'))
    throw unsupported('A task definition without FARGATE in requiresCompatibilities');
  return record;
}

function describe(records: EcsRecords, record: TaskDefinitionRecord): TaskDefinition {
  return {
    taskDefinitionArn: record.arn,
    family: record.family,
    revision: record.revision,
    status: record.status,
    registeredAt: new Date(record.registeredMs),
    ...(record.deregisteredMs === undefined ? {} : { deregisteredAt: new Date(record.deregisteredMs) }),
    registeredBy: `arn:aws:iam::${records.settings.accountId}:root`,
    ...record.definition,
  };
}

/** Managed policies and their versions. AWS's own (`arn:aws:iam::aws:policy/…`) do not exist here. */
import type {
  CreatePolicyCommandInput,
  CreatePolicyVersionCommandInput,
  GetPolicyVersionCommandInput,
  ListPoliciesCommandInput,
  Policy,
} from '@aws-sdk/client-iam';
import type { Random } from '../../../core/index.ts';
import { AwsError, type Collection, type Handler, type RequestContext } from '../../contract.ts';
import { conflict } from './attachments.ts';
import {
  alreadyThere,
  checkedDocument,
  checkName,
  checkPath,
  limitExceeded,
  missing,
  pageOf,
  type StoredPolicy,
  sizeOf,
  tagList,
  uniqueId,
  urlEncoded,
  withTags,
} from './records.ts';

const SIZE_MAX = 6_144;
const VERSIONS_MAX = 5;

export interface PoliciesDeps {
  readonly policies: Collection<StoredPolicy>;
  readonly accountId: string;
  readonly random: Random;
  readonly attachments: (arn: string) => number;
}

export function policyOperations({ policies, accountId, random, attachments }: PoliciesDeps): Record<string, Handler> {
  const get = (arn = '') => {
    const policy = policies.get(arn);
    if (!policy) throw missing(`Policy ${arn} was not found.`);
    return policy;
  };
  const shown = (policy: StoredPolicy): Policy => ({
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.defaultVersion,
    AttachmentCount: attachments(policy.arn),
    IsAttachable: true,
    CreateDate: new Date(policy.createdMs),
    UpdateDate: new Date(policy.versions.at(-1)?.createdMs ?? policy.createdMs),
    ...(policy.description === undefined ? {} : { Description: policy.description }),
    ...tagList(policy.tags),
  });

  return {
    CreatePolicy: (input: CreatePolicyCommandInput, { nowMs }: RequestContext) => {
      const name = input.PolicyName ?? '';
      checkName('policyName', name, 128);
      const path = input.Path ?? '/';
      checkPath(path);
      const document = fitting(input.PolicyDocument);
      const arn = `arn:aws:iam::${accountId}:policy${path}${name}`;
      if (policies.has(arn)) throw alreadyThere(`A policy called ${name}`);
      const policy: StoredPolicy = {
        arn,
        name,
        path,
        id: uniqueId(random, 'ANPA'),
        createdMs: nowMs,
        description: input.Description,
        tags: withTags({}, input.Tags),
        versions: [{ id: 'v1', document, createdMs: nowMs }],
        defaultVersion: 'v1',
      };
      policies.set(arn, policy);
      return { Policy: shown(policy) };
    },
    GetPolicy: (input: { PolicyArn?: string }) => ({ Policy: shown(get(input.PolicyArn)) }),
    GetPolicyVersion: (input: GetPolicyVersionCommandInput) => {
      const policy = get(input.PolicyArn);
      const version = policy.versions.find(({ id }) => id === input.VersionId);
      if (!version)
        throw missing(`Policy ${policy.arn} version ${input.VersionId} does not exist or is not attachable.`);
      return {
        PolicyVersion: {
          Document: urlEncoded(version.document),
          VersionId: version.id,
          IsDefaultVersion: version.id === policy.defaultVersion,
          CreateDate: new Date(version.createdMs),
        },
      };
    },
    CreatePolicyVersion: (input: CreatePolicyVersionCommandInput, { nowMs }: RequestContext) => {
      const policy = get(input.PolicyArn);
      const document = fitting(input.PolicyDocument);
      if (policy.versions.length >= VERSIONS_MAX) throw limitExceeded(`VersionsPerPolicy: ${VERSIONS_MAX}`);
      const newest = Number(policy.versions.at(-1)?.id.slice(1) ?? 0);
      const id = `v${newest + 1}`;
      policies.set(policy.arn, {
        ...policy,
        versions: [...policy.versions, { id, document, createdMs: nowMs }],
        ...(input.SetAsDefault ? { defaultVersion: id } : {}),
      });
      return {
        PolicyVersion: {
          VersionId: id,
          IsDefaultVersion: input.SetAsDefault === true,
          CreateDate: new Date(nowMs),
        },
      };
    },
    DeletePolicy: (input: { PolicyArn?: string }) => {
      const policy = get(input.PolicyArn);
      if (attachments(policy.arn) > 0) throw conflict('Cannot delete a policy attached to entities.');
      policies.delete(policy.arn);
      return {};
    },
    ListPolicies: (input: ListPoliciesCommandInput) => {
      const { page, rest } = pageOf(policies.values(), input as object);
      return { Policies: page.map(shown), ...rest };
    },
  };
}

function fitting(document = ''): string {
  checkedDocument(document, 'identity');
  if (sizeOf([document]) > SIZE_MAX)
    throw new AwsError('LimitExceeded', `Cannot exceed quota for PolicySize: ${SIZE_MAX}`, 409);
  return document;
}

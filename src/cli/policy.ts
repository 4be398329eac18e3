/** The IAM policy that the daemon needs, from what the resource kinds declare and what the stores call. */
import { KINDS } from '../kinds/index.ts';
import type { IamStatement } from '../resource/index.ts';

export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The stores: desired is only read, state is written. */
const STORES: readonly IamStatement[] = [
  {
    actions: ['dynamodb:DescribeTable', 'dynamodb:GetItem', 'dynamodb:Scan', 'dynamodb:Query'],
    resources: ['arn:aws:dynamodb:*:*:table/lambdacontainer-desired'],
    because: 'reads what is desired, and never writes it',
  },
  {
    actions: ['dynamodb:DescribeStream', 'dynamodb:GetShardIterator', 'dynamodb:GetRecords'],
    resources: ['arn:aws:dynamodb:*:*:table/lambdacontainer-desired/stream/*'],
    because: 'notices changes of the desired table within a second',
  },
  {
    actions: [
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:DeleteItem',
      'dynamodb:Query',
      'dynamodb:Scan',
      'dynamodb:BatchWriteItem',
    ],
    resources: ['arn:aws:dynamodb:*:*:table/lambdacontainer-state'],
    because: 'remembers status, inventory, revisions, events and the lease',
  },
];

/** ECS and CodeBuild are handed roles; which ones is narrowed by whom they may be handed to. */
const PASS_ROLE: PolicyStatement = {
  Sid: 'PassRoles',
  Effect: 'Allow',
  Action: ['iam:PassRole'],
  Resource: ['arn:aws:iam::*:role/*'],
  Condition: { StringLike: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
};
const PASS_BUILD_ROLE: PolicyStatement = {
  ...PASS_ROLE,
  Sid: 'PassBuildRole',
  Condition: { StringLike: { 'iam:PassedToService': 'codebuild.amazonaws.com' } },
};

/** Deterministic: kinds by name, their statements in order. */
export function controllerPolicy(): { Version: string; Statement: PolicyStatement[] } {
  const kinds = [...KINDS.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    Version: '2012-10-17',
    Statement: [
      ...STORES.map((statement, index) => statementOf('Stores', index, statement)),
      ...kinds.flatMap(({ name, permissions }) =>
        permissions.map((statement, index) => statementOf(pascal(name), index, statement)),
      ),
      PASS_ROLE,
      PASS_BUILD_ROLE,
    ],
  };
}

function statementOf(name: string, index: number, { actions, resources }: IamStatement): PolicyStatement {
  return { Sid: `${name}${index + 1}`, Effect: 'Allow', Action: actions, Resource: resources };
}

function pascal(text: string): string {
  return text.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase());
}

/** ECS. https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html */
import type * as ecs from '@aws-sdk/client-ecs';
import {
  type Account,
  arnIn,
  isEmpty,
  type Need,
  need,
  onEverything,
  passing,
  type ServiceActions,
  tagsFrom,
} from './needs.ts';

const TASKS = 'ecs-tasks.amazonaws.com';

export const ECS: ServiceActions = {
  operations: {
    ...onEverything('ecs', [
      'ListClusters',
      'DescribeTaskDefinition',
      'ListTaskDefinitions',
      'DeregisterTaskDefinition',
    ]),
    CreateCluster: (input: ecs.CreateClusterRequest, account) => {
      const arn = clusterArn(account, input.clusterName);
      return created('CreateCluster', arn, tagsFrom(input.tags));
    },
    DescribeClusters: (input: ecs.DescribeClustersRequest, account) => [
      need(
        'ecs:DescribeClusters',
        orDefault(input.clusters).map((name) => clusterArn(account, name)),
      ),
    ],
    DeleteCluster: (input: ecs.DeleteClusterRequest, account) => [
      need('ecs:DeleteCluster', [clusterArn(account, input.cluster)]),
    ],
    RegisterTaskDefinition: (input: ecs.RegisterTaskDefinitionRequest, account) => [
      // Which revision it will be is not known yet.
      ...created(
        'RegisterTaskDefinition',
        arnIn(account, 'ecs', `task-definition/${input.family}:*`),
        tagsFrom(input.tags),
      ),
      ...passing([input.taskRoleArn, input.executionRoleArn], TASKS),
    ],
    CreateService: (input: ecs.CreateServiceRequest, account) => [
      ...created('CreateService', serviceArn(account, input.cluster, input.serviceName), tagsFrom(input.tags), {
        ...inCluster(account, input.cluster),
        'ecs:task-definition': input.taskDefinition,
        'ecs:enable-execute-command': String(input.enableExecuteCommand ?? false),
      }),
      ...passing([input.role], 'ecs.amazonaws.com'),
    ],
    UpdateService: (input: ecs.UpdateServiceRequest, account) =>
      onService('UpdateService', input, account, { 'ecs:task-definition': input.taskDefinition }),
    DeleteService: (input: ecs.DeleteServiceRequest, account) => onService('DeleteService', input, account),
    DescribeServices: (input: ecs.DescribeServicesRequest, account) => [
      need(
        'ecs:DescribeServices',
        (input.services ?? []).map((service) => serviceArn(account, input.cluster, service)),
        { keys: inCluster(account, input.cluster) },
      ),
    ],
    ListServices: (input: ecs.ListServicesRequest, account) => [
      need('ecs:ListServices', undefined, { keys: inCluster(account, input.cluster) }),
    ],
    ListServiceDeployments: (input: ecs.ListServiceDeploymentsRequest, account) =>
      onService('ListServiceDeployments', input, account),
    DescribeServiceDeployments: (input: ecs.DescribeServiceDeploymentsRequest) => [
      need('ecs:DescribeServiceDeployments', input.serviceDeploymentArns ?? []),
    ],
    RunTask: (input: ecs.RunTaskRequest, account) => {
      const described = account.ask('ecs', 'DescribeTaskDefinition', { taskDefinition: input.taskDefinition });
      const definition: ecs.TaskDefinition | undefined = described?.taskDefinition;
      const keys = inCluster(account, input.cluster);
      const tags = tagsFrom(input.tags);
      return [
        need(
          'ecs:RunTask',
          [definition?.taskDefinitionArn ?? arnIn(account, 'ecs', `task-definition/${input.taskDefinition}`)],
          { keys, requestTags: tags },
        ),
        ...(isEmpty(tags)
          ? []
          : [
              need('ecs:TagResource', [arnIn(account, 'ecs', `task/${clusterName(input.cluster)}/*`)], {
                keys: { 'ecs:CreateAction': 'RunTask' },
                requestTags: tags,
              }),
            ]),
        ...passing(
          [
            input.overrides?.taskRoleArn ?? definition?.taskRoleArn,
            input.overrides?.executionRoleArn ?? definition?.executionRoleArn,
          ],
          TASKS,
        ),
      ];
    },
    StopTask: (input: ecs.StopTaskRequest, account) => onTasks('StopTask', [input.task], input.cluster, account),
    DescribeTasks: (input: ecs.DescribeTasksRequest, account) =>
      onTasks('DescribeTasks', input.tasks ?? [], input.cluster, account),
    // Without a container instance there is no resource; the cluster is a condition.
    ListTasks: (input: ecs.ListTasksRequest, account) => [
      need('ecs:ListTasks', undefined, { keys: inCluster(account, input.cluster) }),
    ],
    UpdateTaskProtection: (input: ecs.UpdateTaskProtectionRequest, account) =>
      onTasks('UpdateTaskProtection', input.tasks ?? [], input.cluster, account),
    GetTaskProtection: (input: ecs.GetTaskProtectionRequest, account) =>
      onTasks('GetTaskProtection', input.tasks ?? [], input.cluster, account),
    TagResource: (input: ecs.TagResourceRequest) => [
      need('ecs:TagResource', [input.resourceArn ?? ''], { requestTags: tagsFrom(input.tags) }),
    ],
    UntagResource: (input: ecs.UntagResourceRequest) => [
      need('ecs:UntagResource', [input.resourceArn ?? ''], { tagKeys: input.tagKeys ?? [] }),
    ],
    ListTagsForResource: (input: ecs.ListTagsForResourceRequest) => [
      need('ecs:ListTagsForResource', [input.resourceArn ?? '']),
    ],
  },
  tagsOf: (resourceArn, account) => tagsFrom(account.ask('ecs', 'ListTagsForResource', { resourceArn })?.tags),
};

type Keys = NonNullable<Need['keys']>;

/** The creation, and the tags that come with it. */
function created(operation: string, arn: string, tags: Record<string, string>, keys: Keys = {}): Need[] {
  const more = { keys, requestTags: tags };
  if (isEmpty(tags)) return [need(`ecs:${operation}`, [arn], more)];
  return [
    need(`ecs:${operation}`, [arn], more),
    need('ecs:TagResource', [arn], { keys: { 'ecs:CreateAction': operation }, requestTags: tags }),
  ];
}

function onService(
  operation: string,
  input: { cluster?: string | undefined; service?: string | undefined },
  account: Account,
  keys: Keys = {},
): Need[] {
  const arn = serviceArn(account, input.cluster, input.service);
  return [need(`ecs:${operation}`, [arn], { keys: { ...inCluster(account, input.cluster), ...keys } })];
}

function onTasks(
  operation: string,
  tasks: readonly (string | undefined)[],
  cluster: string | undefined,
  account: Account,
): Need[] {
  const arns = tasks.map((task = '') =>
    task.startsWith('arn:') ? task : arnIn(account, 'ecs', `task/${clusterName(cluster)}/${task}`),
  );
  return [need(`ecs:${operation}`, arns, { keys: inCluster(account, cluster) })];
}

function inCluster(account: Account, cluster: string | undefined): Keys {
  return { 'ecs:cluster': clusterArn(account, cluster) };
}

function orDefault(names: readonly string[] | undefined): readonly string[] {
  return names && names.length > 0 ? names : ['default'];
}

function clusterName(nameOrArn = 'default'): string {
  return nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1);
}

function clusterArn(account: Account, nameOrArn: string | undefined): string {
  return arnIn(account, 'ecs', `cluster/${clusterName(nameOrArn)}`);
}

function serviceArn(account: Account, cluster: string | undefined, nameOrArn = ''): string {
  return nameOrArn.startsWith('arn:')
    ? nameOrArn
    : arnIn(account, 'ecs', `service/${clusterName(cluster)}/${nameOrArn}`);
}

/**
 * Differences that are known, each with a verdict. All are theirs, by AWS's own page: what was ours was mended, and is no
 * difference any more (the alarms of a scaling policy; when a role was last used). None is open.
 */
export interface Verdict {
  /** `referee: journey: step: member`, by how it begins; a `*` stands for anything but a colon. */
  readonly where: string;
  /** What they do. */
  readonly theirs: string;
  /** The page that says so. */
  readonly page: string;
}

const ELB = 'https://docs.aws.amazon.com/elasticloadbalancing/latest';
const SCALING = 'https://docs.aws.amazon.com/autoscaling/application/APIReference';
const LAMBDA = 'https://docs.aws.amazon.com/lambda/latest';
const LOGS = 'https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference';
const ECR = 'https://docs.aws.amazon.com/AmazonECR/latest';

export const VERDICTS: readonly Verdict[] = [
  {
    where: 'moto: load balancing: a listener: Listeners.0.AlpnPolicy',
    theirs: 'a policy of TLS listeners on one of HTTP',
    page: `${ELB}/APIReference/API_CreateListener.html`,
  },
  {
    where: 'moto: load balancing: a listener: Listeners.0.SslPolicy',
    theirs: 'a policy of HTTPS listeners on one of HTTP',
    page: `${ELB}/APIReference/API_CreateListener.html`,
  },
  {
    where: 'moto: load balancing: a group of *: TargetGroups.0.LoadBalancerArns',
    theirs: 'leaves out the empty list of load balancers that a new group has',
    page: `${ELB}/APIReference/API_TargetGroup.html`,
  },
  {
    where: 'moto: load balancing: attributes of addresses: Attributes',
    theirs:
      'lacks attributes (anomaly mitigation, application cookie, group health) and has one of load balancers (WAF)',
    page: `${ELB}/APIReference/API_TargetGroupAttribute.html`,
  },
  {
    where: 'moto: load balancing: attributes of a function: Attributes',
    theirs: 'gives a group of a function attributes that such a group does not support',
    page: `${ELB}/application/edit-target-group-attributes.html`,
  },
  {
    where: 'moto: load balancing: drain sooner: Attributes',
    theirs: 'answers only the attribute that was sent',
    page: `${ELB}/APIReference/API_ModifyTargetGroupAttributes.html`,
  },
  {
    where: 'moto: load balancing: *: Rules.*.Conditions.*.Values',
    theirs: 'leaves out the plain values that stand beside the configuration of a host or path condition',
    page: `${ELB}/APIReference/API_DescribeRules.html`,
  },
  {
    where: 'moto: load balancing: it goes again: error',
    theirs: 'deletes a rule that is not there',
    page: `${ELB}/APIReference/API_DeleteRule.html`,
  },
  {
    where: 'moto: load balancing: the group goes again: error',
    theirs: 'refuses to delete a group that is gone; AWS lists no such error for the operation',
    page: `${ELB}/APIReference/API_DeleteTargetGroup.html`,
  },
  {
    where: 'moto: scaling: bounds that cross: ',
    theirs: 'takes a minimum above the maximum',
    page: `${SCALING}/API_RegisterScalableTarget.html`,
  },
  {
    where: 'moto: scaling: by id: ScalableTargets.0.M*Capacity',
    theirs: 'has taken the bounds that cross',
    page: `${SCALING}/API_RegisterScalableTarget.html`,
  },
  {
    where: 'moto: scaling: by id: ScalableTargets.0.RoleARN',
    theirs: 'leaves out the service-linked role, which AWS always shows',
    page: `${SCALING}/API_ScalableTarget.html`,
  },
  {
    where: 'moto: scaling: by id: ScalableTargets.0.SuspendedState',
    theirs: 'leaves out what is suspended',
    page: `${SCALING}/API_ScalableTarget.html`,
  },
  {
    where: 'moto: scaling: a policy of nobody: ',
    theirs: 'takes a policy for what is not registered',
    page: `${SCALING}/API_PutScalingPolicy.html`,
  },
  {
    where: 'moto: scaling: *go* again: error',
    theirs: 'ValidationException where AWS answers ObjectNotFoundException',
    page: `${SCALING}/API_DeregisterScalableTarget.html`,
  },
  {
    where: 'moto: identities: a role*: Role.RoleLastUsed',
    theirs: 'shows in CreateRole when a role was last used; AWS shows it where a role is read',
    page: 'https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html',
  },
  {
    where: 'moto: identities: a role without a policy: ',
    theirs: 'takes a trust policy that is no policy',
    page: 'https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html',
  },
  {
    where: 'moto: logs: keep six days: error',
    theirs: 'takes a retention that AWS does not have',
    page: `${LOGS}/API_PutRetentionPolicy.html`,
  },
  {
    where: 'moto: logs: *: logGroups.*.retentionInDays',
    theirs: 'has taken that retention',
    page: `${LOGS}/API_PutRetentionPolicy.html`,
  },
  {
    where: 'moto: logs: *: logGroups.*.deletionProtectionEnabled',
    theirs: 'leaves it out',
    page: `${LOGS}/API_LogGroup.html`,
  },
  {
    where: 'moto: logs: *: logGroups.*.logGroupClass',
    theirs: 'leaves out the class, which is STANDARD unless another was asked for',
    page: `${LOGS}/API_LogGroup.html`,
  },
  {
    where: 'ministack: functions: *: KMSKeyArn',
    theirs: 'an empty ARN, which the pattern excludes, where no key was given',
    page: `${LAMBDA}/api/API_FunctionConfiguration.html`,
  },
  {
    where: 'ministack: functions: *: RuntimeVersionConfig',
    theirs: 'an empty ARN, which the pattern excludes',
    page: `${LAMBDA}/api/API_RuntimeVersionConfig.html`,
  },
  {
    where: 'ministack: functions: *: LastUpdateStatusReason',
    theirs: 'an empty reason and an empty code, which the enumeration excludes, where nothing failed',
    page: `${LAMBDA}/api/API_FunctionConfiguration.html`,
  },
  {
    where: 'ministack: functions: *: StateReason',
    theirs: 'an empty reason and an empty code, which the enumeration excludes, where the function is active',
    page: `${LAMBDA}/api/API_FunctionConfiguration.html`,
  },
  {
    where: 'ministack: functions: a function: LastUpdateStatus',
    theirs: 'a new function has an update in progress; AWS’s example of a new one has a state alone',
    page: `${LAMBDA}/dg/functions-states.html`,
  },
  {
    where: 'ministack: functions: *: Layers',
    theirs: 'an empty list where there are no layers; AWS’s example leaves it out',
    page: 'https://docs.aws.amazon.com/cli/latest/reference/lambda/create-function.html',
  },
  {
    where: 'ministack: functions: *: VpcConfig',
    theirs: 'an empty network where there is none; AWS’s example leaves it out',
    page: 'https://docs.aws.amazon.com/cli/latest/reference/lambda/create-function.html',
  },
  {
    where: 'ministack: functions: no policy*: ',
    theirs: 'an empty policy where AWS answers ResourceNotFoundException',
    page: `${LAMBDA}/api/API_GetPolicy.html`,
  },
  {
    where: 'ministack: repositories: *: *repositoryUri',
    theirs:
      'the name of a host that nobody answers at; the local cloud names its own registry, as images are pulled from it',
    page: `${ECR}/APIReference/API_Repository.html`,
  },
  {
    where: 'ministack: repositories: an image that is not there: error',
    theirs: 'an empty list where AWS answers ImageNotFoundException',
    page: `${ECR}/APIReference/API_DescribeImages.html`,
  },
];

/**
 * Actions of our policies that AWS lets nobody narrow to a resource, each with its source: the page of the service
 * authorization reference whose table lists no resource type for them. All others must name one.
 */
const REFERENCE = 'https://docs.aws.amazon.com/service-authorization/latest/reference';

export const ACTIONS_WITHOUT_RESOURCE: Readonly<Record<string, string>> = {
  'application-autoscaling:DescribeScalableTargets': `${REFERENCE}/list_awsapplicationautoscaling.html`,
  'application-autoscaling:DescribeScalingPolicies': `${REFERENCE}/list_awsapplicationautoscaling.html`,
  'ec2:DescribeRouteTables': `${REFERENCE}/list_amazonec2.html`,
  'ec2:DescribeSubnets': `${REFERENCE}/list_amazonec2.html`,
  'ec2:DescribeVpcEndpoints': `${REFERENCE}/list_amazonec2.html`,
  'ecr:GetAuthorizationToken': `${REFERENCE}/list_amazonelasticcontainerregistry.html`,
  'ecs:DeregisterTaskDefinition': `${REFERENCE}/list_amazonelasticcontainerservice.html`,
  'ecs:DescribeTaskDefinition': `${REFERENCE}/list_amazonelasticcontainerservice.html`,
  'ecs:ListTaskDefinitions': `${REFERENCE}/list_amazonelasticcontainerservice.html`,
  'elasticloadbalancing:DescribeAccountLimits': `${REFERENCE}/list_awselasticloadbalancingv2.html`,
  'elasticloadbalancing:DescribeListeners': `${REFERENCE}/list_awselasticloadbalancingv2.html`,
  'elasticloadbalancing:DescribeLoadBalancerAttributes': `${REFERENCE}/list_awselasticloadbalancingv2.html`,
  'elasticloadbalancing:DescribeLoadBalancers': `${REFERENCE}/list_awselasticloadbalancingv2.html`,
  'elasticloadbalancing:DescribeRules': `${REFERENCE}/list_awselasticloadbalancingv2.html`,
  'elasticloadbalancing:DescribeTags': `${REFERENCE}/list_awselasticloadbalancingv2.html`,
  'elasticloadbalancing:DescribeTargetGroupAttributes': `${REFERENCE}/list_awselasticloadbalancingv2.html`,
  'elasticloadbalancing:DescribeTargetGroups': `${REFERENCE}/list_awselasticloadbalancingv2.html`,
  'elasticloadbalancing:DescribeTargetHealth': `${REFERENCE}/list_awselasticloadbalancingv2.html`,
  'tag:GetResources': `${REFERENCE}/list_amazonresourcegrouptaggingapi.html`,
  'lambda:ListFunctions': `${REFERENCE}/list_awslambda.html`,
  'logs:DescribeLogGroups': `${REFERENCE}/list_amazoncloudwatchlogs.html`,
};

/** Their resource is another than what they are narrowed by: a condition on this key takes its place. */
export const NARROWED_BY_CONDITION: Readonly<Record<string, { readonly key: string; readonly source: string }>> = {
  // Its resource is a container instance, which Fargate has none of.
  'ecs:ListTasks': {
    key: 'ecs:cluster',
    source: 'https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security_iam_id-based-policy-examples.html',
  },
};

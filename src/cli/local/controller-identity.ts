/**
 * The roles of a local cloud that enforces IAM, as `deploy/` has them: the controller's, which trusts ECS tasks and has
 * the generated policy, what builds may do, and which secrets tasks may be started with. Made in the cloud's own hand, because what they are for is to hold
 * everybody else to them.
 */
import type { Cloud, RoleCredentials } from '../../local-cloud/index.ts';
import type { Policy } from '../policy.ts';

export const CONTROLLER_ROLE = 'lambdacontainer-controller';
/** As the prepared account names it. */
const BUILD_ROLE = 'lambdacontainer-build';
const EXECUTION_ROLE = 'lambdacontainer-execution';
/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const DOCUMENT_SIZE_MAX = 6_144;
const PATH = '/lambdacontainer/controller/';

/**
 * Makes the role, or brings it to this policy, and begins a session of it that lasts as long as the cloud runs. Idempotent
 * but for the session.
 */
export function beginControllerSession(cloud: Cloud, policy: Policy): RoleCredentials {
  const { accountId } = cloud.settings;
  const trust = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { Service: 'ecs-tasks.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'aws:SourceAccount': accountId } },
      },
    ],
  };
  const roleArn = `arn:aws:iam::${accountId}:role${PATH}${CONTROLLER_ROLE}`;
  if (!cloud.services.iam.trusts(roleArn, 'ecs-tasks.amazonaws.com')) {
    cloud.call('iam', 'CreateRole', {
      RoleName: CONTROLLER_ROLE,
      Path: PATH,
      AssumeRolePolicyDocument: JSON.stringify(trust),
    });
  }
  replacePolicies(cloud, policy);
  let credentials: RoleCredentials | undefined;
  cloud.enter(() => {
    credentials = cloud.services.iam.beginRun(roleArn, 'controller');
  });
  if (!credentials) throw new Error(`the role ${roleArn} has no session`);
  return credentials;
}

/** What builds may do, as the build role of `deploy/class.yaml`; a test compares the two. */
export const BUILD_POLICY: Policy = {
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'WriteLog',
      Effect: 'Allow',
      Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      Resource: ['arn:*:logs:*:*:log-group:/aws/codebuild/lambdacontainer-*'],
    },
    {
      Sid: 'ReadCode',
      Effect: 'Allow',
      Action: ['lambda:GetFunction'],
      Resource: ['arn:*:lambda:*:*:function:*'],
    },
    {
      Sid: 'ReadArchives',
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:GetObjectVersion'],
      Resource: ['arn:*:s3:::lambdacontainer-*/*'],
    },
    {
      Sid: 'ReadLayers',
      Effect: 'Allow',
      Action: ['lambda:GetLayerVersion'],
      Resource: ['arn:*:lambda:*:*:layer:*'],
    },
    {
      Sid: 'ReadGitSecrets',
      Effect: 'Allow',
      Action: ['secretsmanager:GetSecretValue'],
      Resource: ['arn:*:secretsmanager:*:*:secret:lambdacontainer/sources/builds/*'],
    },
    { Sid: 'AskRegistry', Effect: 'Allow', Action: ['ecr:GetAuthorizationToken'], Resource: ['*'] },
    {
      Sid: 'Pull',
      Effect: 'Allow',
      Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      Resource: ['arn:*:ecr:*:*:repository/*'],
    },
    {
      Sid: 'Push',
      Effect: 'Allow',
      Action: ['ecr:InitiateLayerUpload', 'ecr:UploadLayerPart', 'ecr:CompleteLayerUpload', 'ecr:PutImage'],
      Resource: ['arn:*:ecr:*:*:repository/lambdacontainer/*'],
    },
  ],
};

/**
 * What ECS may do when it starts a task, as the execution role of `deploy/class.yaml`: secrets alone, because images and
 * logs are the local cloud's own to reach. A test compares the two.
 */
export const EXECUTION_POLICY: Policy = {
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'ReadSecrets',
      Effect: 'Allow',
      Action: ['secretsmanager:GetSecretValue'],
      Resource: ['arn:*:secretsmanager:*:*:secret:lambdacontainer/tasks/*'],
    },
  ],
};

/** Gives the build role and the execution role of the prepared account their policies. Idempotent. */
export function putClassPolicies(cloud: Cloud): void {
  for (const [RoleName, PolicyName, policy] of [
    [BUILD_ROLE, 'build', BUILD_POLICY],
    [EXECUTION_ROLE, 'start', EXECUTION_POLICY],
  ] as const) {
    cloud.call('iam', 'PutRolePolicy', { RoleName, PolicyName, PolicyDocument: JSON.stringify(policy) });
  }
}

/** Managed policies, because all of it does not fit into one, nor into what a role holds inline. */
function replacePolicies(cloud: Cloud, policy: Policy): void {
  const { AttachedPolicies } = cloud.call('iam', 'ListAttachedRolePolicies', { RoleName: CONTROLLER_ROLE }) as {
    AttachedPolicies: { PolicyArn: string }[];
  };
  for (const { PolicyArn } of AttachedPolicies) {
    cloud.call('iam', 'DetachRolePolicy', { RoleName: CONTROLLER_ROLE, PolicyArn });
    cloud.call('iam', 'DeletePolicy', { PolicyArn });
  }
  for (const [index, document] of documentsOf(policy).entries()) {
    const { Policy: made } = cloud.call('iam', 'CreatePolicy', {
      PolicyName: `${CONTROLLER_ROLE}-${index + 1}`,
      Path: PATH,
      PolicyDocument: document,
    }) as { Policy: { Arn: string } };
    cloud.call('iam', 'AttachRolePolicy', { RoleName: CONTROLLER_ROLE, PolicyArn: made.Arn });
  }
}

/** The statements in as few documents as hold them. */
function documentsOf({ Version, Statement }: Policy): string[] {
  const documents: string[] = [];
  let statements: Policy['Statement'][number][] = [];
  for (const statement of Statement) {
    const more = [...statements, statement];
    if (statements.length > 0 && JSON.stringify({ Version, Statement: more }).length > DOCUMENT_SIZE_MAX) {
      documents.push(JSON.stringify({ Version, Statement: statements }));
      statements = [statement];
    } else {
      statements = more;
    }
  }
  if (statements.length > 0) documents.push(JSON.stringify({ Version, Statement: statements }));
  return documents;
}

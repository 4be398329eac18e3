/**
 * STS: who calls, and temporary credentials of roles that trust the caller. Whom a key belongs to and what a session may
 * do is IAM's to say. Session policies, tags and multi-factor devices are refused by name.
 */
import type {
  AssumeRoleCommandInput,
  AssumeRoleCommandOutput,
  GetCallerIdentityCommandOutput,
} from '@aws-sdk/client-sts';
import { AwsError, type CloudService, type Handler, type RequestContext, type ServiceDeps } from '../contract.ts';
import type { IamService } from './iam.ts';

type Output<T> = Omit<T, '$metadata'>;

interface StsDeps extends ServiceDeps {
  readonly iam: IamService;
}

const SESSION_SEC = 3600;
const SESSION_SEC_MIN = 900;
const SESSION_SEC_MAX = 43_200;
const UNSUPPORTED = [
  'Policy',
  'PolicyArns',
  'Tags',
  'TransitiveTagKeys',
  'SerialNumber',
  'TokenCode',
  'SourceIdentity',
  'ProvidedContexts',
] as const;

export class StsService implements CloudService {
  readonly id = 'sts';
  readonly operations: Readonly<Record<string, Handler>>;
  readonly #deps: StsDeps;

  constructor(deps: StsDeps) {
    this.#deps = deps;
    this.operations = {
      GetCallerIdentity: (_input: object, { caller }: RequestContext): Output<GetCallerIdentityCommandOutput> => {
        const { userId, accountId, arn } = caller ?? deps.iam.root();
        return { UserId: userId, Account: accountId, Arn: arn };
      },
      AssumeRole: (input: AssumeRoleCommandInput, context) => this.#assumeRole(input, context),
    };
  }

  #assumeRole(
    input: AssumeRoleCommandInput,
    { nowMs, caller = this.#deps.iam.root() }: RequestContext,
  ): Output<AssumeRoleCommandOutput> {
    const { RoleArn = '', RoleSessionName = '', DurationSeconds = SESSION_SEC, ExternalId } = input;
    for (const member of UNSUPPORTED) {
      if (input[member] !== undefined) {
        throw new AwsError(
          'UnknownOperationException',
          `The local cloud's sts does not support ${member} in AssumeRole`,
        );
      }
    }
    if (RoleArn.length < 20) throw invalid('roleArn', RoleArn, 'have length greater than or equal to 20');
    if (RoleArn.length > 2048) throw invalid('roleArn', RoleArn, 'have length less than or equal to 2048');
    if (!/^arn:[^:]+:iam::\d{12}:role\/.+$/.test(RoleArn))
      throw new AwsError('ValidationError', `${RoleArn} is invalid`);
    if (!/^[\w+=,.@-]{2,64}$/.test(RoleSessionName)) {
      throw invalid(
        'roleSessionName',
        RoleSessionName,
        'have length between 2 and 64 and satisfy regular expression pattern: [\\w+=,.@-]*',
      );
    }
    if (DurationSeconds < SESSION_SEC_MIN || DurationSeconds > SESSION_SEC_MAX) {
      throw invalid('durationSeconds', String(DurationSeconds), `be between ${SESSION_SEC_MIN} and ${SESSION_SEC_MAX}`);
    }
    if (ExternalId !== undefined && !/^[\w+=,.@:/-]{2,1224}$/.test(ExternalId)) {
      throw invalid('externalId', ExternalId, 'satisfy regular expression pattern: [\\w+=,.@:\\/-]*');
    }
    const role = this.#deps.iam.assumable(RoleArn, { arn: caller.arn, arns: caller.arns, externalId: ExternalId });
    if (!role) {
      // A role that is not there and one that does not trust the caller are not told apart.
      throw new AwsError(
        'AccessDenied',
        `User: ${caller.arn} is not authorized to perform: sts:AssumeRole on resource: ${RoleArn}`,
        403,
      );
    }
    if (DurationSeconds > role.maxSessionSec) {
      throw new AwsError(
        'ValidationError',
        'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
      );
    }
    const { accountId } = this.#deps.settings;
    const expiresMs = nowMs + DurationSeconds * 1000;
    const { iam } = this.#deps;
    const { accessKeyId, secretAccessKey, sessionToken } = iam.beginSession(role.name, RoleSessionName, expiresMs);
    return {
      Credentials: {
        AccessKeyId: accessKeyId,
        SecretAccessKey: secretAccessKey,
        SessionToken: sessionToken,
        Expiration: new Date(expiresMs),
      },
      AssumedRoleUser: {
        AssumedRoleId: `${role.roleId}:${RoleSessionName}`,
        Arn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/${RoleSessionName}`,
      },
    };
  }
}

function invalid(path: string, value: string, constraint: string): AwsError {
  return new AwsError(
    'ValidationError',
    `1 validation error detected: Value '${value}' at '${path}' failed to satisfy constraint: Member must ${constraint}`,
  );
}

/** Credentials of a role, for clients that act under it. The SDK keeps them and asks again before they end. */
import { Failure } from '../core/index.ts';
import type { StsPort } from './ports.ts';
import type { StaticCredentials } from './sdk-ports.ts';

export interface AssumedRole {
  readonly arn: string;
  readonly externalId?: string | undefined;
  /** Stands in CloudTrail: 2 to 64 letters, digits and `+=,.@-`. */
  readonly session: string;
}

/** One call each time it is asked. @throws Failure denied when the role is not there or does not trust us */
export function assumedRole(
  sts: Pick<StsPort, 'assumeRole'>,
  { arn, externalId, session }: AssumedRole,
): () => Promise<StaticCredentials & { expiration?: Date }> {
  return async () => {
    const { Credentials } = await sts.assumeRole({
      RoleArn: arn,
      RoleSessionName: session,
      ...(externalId === undefined ? {} : { ExternalId: externalId }),
    });
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
    if (!AccessKeyId || !SecretAccessKey || !SessionToken) throw empty(arn);
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      ...(Expiration ? { expiration: Expiration } : {}),
    };
  };
}

function empty(arn: string): Failure {
  return new Failure({
    kind: 'transient',
    service: 'sts',
    operation: 'assumeRole',
    code: 'EmptyCredentials',
    message: `STS gave no credentials for the role ${arn}`,
  });
}

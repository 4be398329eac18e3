/**
 * Makes sure that credentials are of the account that is meant, before anything else is called with them: a class may
 * name an account without a role to reach it, and then it must be the one that the daemon runs in.
 */
import { Failure, isFailure } from '../core/index.ts';
import type { Layer } from './layers.ts';
import type { StsPort } from './ports.ts';

/** Asks who we are once, with the first call; each call fails as denied `WrongAccount` when it is another account. */
export function onlyInAccount(sts: Pick<StsPort, 'getCallerIdentity'>, account: string): Layer {
  let asked: Promise<string> | undefined;
  const ask = async () => {
    try {
      return (await sts.getCallerIdentity({})).Account ?? '';
    } catch (error) {
      // It is asked again with the next call.
      if (isFailure(error)) asked = undefined;
      throw error;
    }
  };
  return (next) => async (outgoing) => {
    asked ??= ask();
    const own = await asked;
    if (own === account) return next(outgoing);
    throw new Failure({
      kind: 'denied',
      service: 'sts',
      operation: 'getCallerIdentity',
      code: 'WrongAccount',
      message: `the class is for account ${account}, but the controller's own account is ${own}; name a role to assume in the class as spec.assumeRole.roleArn, or remove spec.account`,
    });
  };
}

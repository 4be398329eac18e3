/**
 * A queue's own policy: its grammar, and whether it lets an AWS service send for one of its resources (EventBridge for
 * a rule). Callers of the account are asked by their own policies, too; that is IAM's business.
 */
import { evaluate, PolicyDefect, parsePolicy } from '../../iam/index.ts';

export interface Sender {
  /** `events.amazonaws.com` */
  readonly service: string;
  readonly sourceArn: string;
  readonly sourceAccount: string;
}

export function isQueuePolicy(text: string): boolean {
  try {
    parsePolicy(text, 'resource');
    return true;
  } catch (error) {
    if (error instanceof PolicyDefect) return false;
    throw error;
  }
}

/** Pure. Without a policy no service may. */
export function mayBeSentTo(policy: string | undefined, queueArn: string, sender: Sender): boolean {
  if (policy === undefined) return false;
  const known: Readonly<Record<string, string>> = {
    'aws:sourcearn': sender.sourceArn,
    'aws:sourceaccount': sender.sourceAccount,
  };
  const keys = (name: string) => {
    const value = known[name.toLowerCase()];
    return value === undefined ? undefined : [value];
  };
  const attached = { name: 'queue policy', policy: parsePolicy(policy, 'resource') };
  const question = { action: 'sqs:SendMessage', resource: queueArn, keys };
  return evaluate([attached], question, { type: 'Service', name: sender.service }).effect === 'Allow';
}

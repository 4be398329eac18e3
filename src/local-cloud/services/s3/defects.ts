/** S3's refusals, with the codes, words and statuses of its reference. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
import { AwsError } from '../../contract.ts';

export function noSuchBucket(): AwsError {
  return new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404);
}

export function noSuchKey(): AwsError {
  return new AwsError('NoSuchKey', 'The specified key does not exist.', 404);
}

export function noSuchVersion(): AwsError {
  return new AwsError('NoSuchVersion', 'The specified version does not exist.', 404);
}

export function invalidArgument(message: string): AwsError {
  return new AwsError('InvalidArgument', message, 400);
}

export function preconditionFailed(): AwsError {
  return new AwsError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412);
}

export function notSupported(what: string): AwsError {
  return new AwsError('NotImplemented', `${what} is not supported by the local cloud`, 501);
}

/** Refuses members that say something and would be ignored. */
export function only(input: object, supported: readonly string[]): void {
  const stranger = Object.entries(input).find(([name, value]) => value !== undefined && !supported.includes(name));
  if (stranger) throw notSupported(stranger[0]);
}

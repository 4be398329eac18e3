/**
 * The refusals of SQS in its own words. Codes are those of the JSON protocol; the wire adds the older query code where
 * the SDK's schema names one.
 */
import { AwsError } from '../../contract.ts';

/** A value that the service refuses: `Value 11 for parameter MaxNumberOfMessages is invalid. Reason: …`. */
export function invalidValue(parameter: string, value: unknown, reason: string): AwsError {
  return invalidParameter(`Value ${String(value)} for parameter ${parameter} is invalid. Reason: ${reason}`);
}

export function invalidParameter(message: string): AwsError {
  return new AwsError('InvalidParameterValueException', message);
}

export function missingParameter(name: string): AwsError {
  return new AwsError('MissingRequiredParameterException', `The request must contain the parameter ${name}.`);
}

export function invalidAttribute(name: string): AwsError {
  return new AwsError('InvalidAttributeValue', `Invalid value for the parameter ${name}.`);
}

export function noSuchQueue(): AwsError {
  return new AwsError('QueueDoesNotExist', 'The specified queue does not exist.');
}

export function unsupported(what: string): AwsError {
  return new AwsError('UnsupportedOperation', `The local cloud's sqs does not support ${what}`);
}

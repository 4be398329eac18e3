/** STS. https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html */
import { need, type ServiceActions } from './needs.ts';

export const STS: ServiceActions = {
  operations: {
    // Anybody may ask who he is: an explicit denial would not hold either.
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    GetCallerIdentity: () => [],
    AssumeRole: (input: { RoleArn?: string; ExternalId?: string; RoleSessionName?: string }) => [
      need('sts:AssumeRole', [input.RoleArn ?? ''], {
        keys: { 'sts:ExternalId': input.ExternalId, 'sts:RoleSessionName': input.RoleSessionName },
      }),
    ],
  },
};

/**
 * Actions of listeners and rules: validation and the normal form that AWS answers (`ForwardConfig` always, and
 * `TargetGroupArn` when there is just one group). Authentication, transforms and sticky target groups are refused by
 * name. Whether a target group exists is not looked at here.
 */
import type {
  Action,
  FixedResponseActionConfig,
  RedirectActionConfig,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../contract.ts';
import { invalid, QUOTAS, unsupported } from './model.ts';

const CONTENT_TYPES = ['text/plain', 'text/css', 'text/html', 'application/javascript', 'application/json'];
const KEEP = {
  Protocol: '#{protocol}',
  Port: '#{port}',
  Host: '#{host}',
  Path: '/#{path}',
  Query: '#{query}',
} as const;

/** Validated, normalised actions: exactly one, because only the last may route. @throws AwsError */
export function parseActions(input: readonly Action[] | undefined): Action[] {
  const [action, ...more] = input ?? [];
  if (!action) throw invalid('An action must be specified');
  if (more.length > 0) throw new AwsError('InvalidLoadBalancerAction', 'You can specify only one routing action');
  switch (action.Type) {
    case 'forward':
      return [parseForward(action)];
    case 'redirect':
      return [parseRedirect(action)];
    case 'fixed-response':
      return [parseFixedResponse(action)];
    case 'authenticate-cognito':
    case 'authenticate-oidc':
    case 'jwt-validation':
      throw unsupported(`Action type '${action.Type}'`);
    default:
      throw invalid(`Action type '${action.Type}' must be one of '[forward,redirect,fixed-response]'`);
  }
}

/** The groups an action list forwards to, with their weights. */
export function forwardGroups(actions: readonly Action[]): { arn: string; weight: number }[] {
  return actions.flatMap((action) =>
    (action.ForwardConfig?.TargetGroups ?? []).map(({ TargetGroupArn, Weight }) => ({
      arn: TargetGroupArn ?? '',
      weight: Weight ?? 1,
    })),
  );
}

function parseForward(action: Action): Action {
  const config = action.ForwardConfig;
  const tuples =
    config?.TargetGroups ?? (action.TargetGroupArn === undefined ? [] : [{ TargetGroupArn: action.TargetGroupArn }]);
  if (tuples.length === 0) throw invalid('A target group ARN must be specified');
  if (tuples.length > QUOTAS.targetGroupsPerAction) {
    throw invalid(`A forward action can have at most '${QUOTAS.targetGroupsPerAction}' target groups`);
  }
  if (
    action.TargetGroupArn !== undefined &&
    (tuples.length > 1 || tuples[0]?.TargetGroupArn !== action.TargetGroupArn)
  ) {
    throw invalid('TargetGroupArn must be the one target group of ForwardConfig when both are specified');
  }
  const stickiness = config?.TargetGroupStickinessConfig;
  if (stickiness?.Enabled) throw unsupported('Target group stickiness');
  const groups = tuples.map(({ TargetGroupArn, Weight = 1 }) => {
    if (!TargetGroupArn) throw invalid('A target group ARN must be specified');
    if (!Number.isInteger(Weight) || Weight < 0 || Weight > 999)
      throw invalid(`Target group weight '${Weight}' must be between '0' and '999'`);
    return { TargetGroupArn, Weight };
  });
  if (new Set(groups.map((group) => group.TargetGroupArn)).size < groups.length) {
    throw invalid('A target group can be specified only once in a forward action');
  }
  const [only] = groups;
  return {
    Type: 'forward',
    ...(groups.length === 1 && only ? { TargetGroupArn: only.TargetGroupArn } : {}),
    ...order(action),
    ForwardConfig: { TargetGroups: groups, TargetGroupStickinessConfig: { Enabled: false } },
  };
}

function parseRedirect(action: Action): Action {
  const config = action.RedirectConfig;
  if (!config) throw invalid('RedirectConfig must be specified for a redirect action');
  if (config.StatusCode !== 'HTTP_301' && config.StatusCode !== 'HTTP_302')
    throw invalid(`Redirect status code '${config.StatusCode}' is not valid`);
  const full: RedirectActionConfig = { ...KEEP, ...defined(config), StatusCode: config.StatusCode };
  if (!/^(HTTPS?|#\{protocol\})$/.test(full.Protocol ?? ''))
    throw invalid(`Redirect protocol '${full.Protocol}' is not valid`);
  const port = full.Port ?? '';
  if (port !== KEEP.Port && !(Number(port) >= 1 && Number(port) <= 65535))
    throw invalid(`Redirect port '${port}' is not valid`);
  if (!full.Path?.startsWith('/')) throw invalid(`Redirect path '${full.Path}' must start with '/'`);
  const parts = ['Protocol', 'Port', 'Host', 'Path'] as const;
  if (parts.every((part) => full[part] === KEEP[part])) {
    throw new AwsError(
      'InvalidLoadBalancerAction',
      'The redirect configuration is not valid because it creates a loop.',
    );
  }
  return { Type: 'redirect', ...order(action), RedirectConfig: full };
}

function parseFixedResponse(action: Action): Action {
  const config = action.FixedResponseConfig;
  if (!config) throw invalid('FixedResponseConfig must be specified for a fixed-response action');
  if (!/^[245]\d\d$/.test(config.StatusCode ?? ''))
    throw invalid(`Fixed response status code '${config.StatusCode}' must be 2XX, 4XX or 5XX`);
  if (config.ContentType !== undefined && !CONTENT_TYPES.includes(config.ContentType)) {
    throw invalid(`Content type '${config.ContentType}' must be one of '[${CONTENT_TYPES}]'`);
  }
  if ((config.MessageBody?.length ?? 0) > 1024) throw invalid("The length of the message body must not exceed '1024'");
  const full: FixedResponseActionConfig = {
    ContentType: 'text/plain',
    ...defined(config),
    StatusCode: config.StatusCode,
  };
  return { Type: 'fixed-response', ...order(action), FixedResponseConfig: full };
}

function order(action: Action): { Order?: number } {
  if (action.Order === undefined) return {};
  if (action.Order < 1 || action.Order > 50_000)
    throw invalid(`Action order '${action.Order}' must be between '1' and '50000'`);
  return { Order: action.Order };
}

function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<T>;
}

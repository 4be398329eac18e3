/**
 * Where a request goes: rules in order of priority, the weighted choice among target groups, redirects and fixed
 * answers. Pure; a listener's rules are compiled once and the service throws the result away when a rule changes.
 */
import type { RedirectActionConfig } from '@aws-sdk/client-elastic-load-balancing-v2';
import { forwardGroups } from './actions.ts';
import { compileConditions, type Matcher, type RouteRequest } from './conditions.ts';
import type { RuleRecord } from './model.ts';

export type Route =
  | { readonly type: 'forward'; readonly targetGroupArn: string }
  | { readonly type: 'fixed'; readonly status: number; readonly contentType: string; readonly body: string }
  | { readonly type: 'redirect'; readonly status: 301 | 302; readonly location: string };

/** Decides for one request; `random` is asked only when several groups carry weight. */
export type Router = (request: RouteRequest, random: () => number) => Route;

/** What an ALB answers when nothing can serve. */
export const SERVICE_UNAVAILABLE: Route = {
  type: 'fixed',
  status: 503,
  contentType: 'text/html',
  body: '<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n',
};

/** Compiles rules, given in the order in which they are tried. A listener's last rule is its default one. */
export function compileRouter(rules: readonly RuleRecord[], port: number): Router {
  const compiled = rules.map((rule) => ({
    matches: compileConditions(rule.conditions),
    answer: compileAction(rule, port),
  }));
  return (request, random) => {
    const rule = compiled.find(({ matches }: { matches: Matcher }) => matches(request));
    return rule ? rule.answer(request, random) : SERVICE_UNAVAILABLE;
  };
}

function compileAction(rule: RuleRecord, port: number): Router {
  const [action] = rule.actions;
  if (action?.FixedResponseConfig) {
    const { StatusCode, ContentType, MessageBody } = action.FixedResponseConfig;
    const route: Route = {
      type: 'fixed',
      status: Number(StatusCode),
      contentType: ContentType ?? 'text/plain',
      body: MessageBody ?? '',
    };
    return () => route;
  }
  if (action?.RedirectConfig) {
    const config = action.RedirectConfig;
    const status = config.StatusCode === 'HTTP_301' ? 301 : 302;
    return (request) => ({ type: 'redirect', status, location: location(config, request, port) });
  }
  const groups = forwardGroups(rule.actions).filter(({ weight }) => weight > 0);
  const total = groups.reduce((sum, { weight }) => sum + weight, 0);
  return (_request, random) => {
    let point = groups.length > 1 ? random() * total : 0;
    for (const { arn, weight } of groups) {
      if (point < weight) return { type: 'forward', targetGroupArn: arn };
      point -= weight;
    }
    return SERVICE_UNAVAILABLE;
  };
}

function location(config: RedirectActionConfig, request: RouteRequest, port: number): string {
  const fill = (template = '') =>
    template
      .replaceAll('#{protocol}', 'http')
      .replaceAll('#{host}', request.host.replace(/:\d+$/, ''))
      .replaceAll('#{port}', String(port))
      .replaceAll('#{path}', request.path.slice(1))
      .replaceAll('#{query}', request.query);
  const query = fill(config.Query);
  return `${fill(config.Protocol).toLowerCase()}://${fill(config.Host)}:${fill(config.Port)}${fill(config.Path)}${query ? `?${query}` : ''}`;
}

/**
 * AWS's quotas against what specs ask for at their most: Fargate's vCPUs, and what a load balancer holds of target groups
 * and rules. It compares with what the account allows, not with what runs there beside us.
 */
import type { LambdaContainerSpec } from '../../api/index.ts';
import type { AccountPorts } from '../../aws/account-ports.ts';
import { check, type Finding, type Said } from './findings.ts';

/** https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html */
const FARGATE_VCPUS = { ServiceCode: 'fargate', QuotaCode: 'L-3032A538' };
const SPOT_VCPUS = { ServiceCode: 'fargate', QuotaCode: 'L-36FBB829' };
/** An object has a target group for its tasks and one for its function. */
const GROUPS_PER_OBJECT = 2;
/** What of a quota is used when it is time to ask for more. */
const SHARE_WARNED = 0.8;

type Sized = Pick<LambdaContainerSpec, 'compute' | 'scaling' | 'placement'>;

/** vCPUs that the tasks of these specs have when all are scaled out, on demand and on Spot. */
export function vcpusOf(specs: readonly Sized[]): { readonly onDemand: number; readonly spot: number } {
  let onDemand = 0;
  let spot = 0;
  for (const { compute, scaling, placement } of specs) {
    if (placement.mode === 'lambda') continue;
    const vcpus = (scaling.max * compute.cpu) / 1024;
    const share = compute.spot.weight / 100;
    spot += vcpus * share;
    onDemand += vcpus * (1 - share);
  }
  return { onDemand, spot };
}

/** One call for Fargate, one more where Spot is asked for, one for the load balancers. */
export async function quotaChecks(
  specs: readonly Sized[],
  ports: Pick<AccountPorts, 'quotas' | 'limits'>,
): Promise<Finding[]> {
  const { onDemand, spot } = vcpusOf(specs);
  const findings = await Promise.all([
    check('quotas', 'Fargate', () => fargate('on demand', onDemand, FARGATE_VCPUS, ports)),
    ...(spot > 0 ? [check('quotas', 'FargateSpot', () => fargate('on Spot', spot, SPOT_VCPUS, ports))] : []),
    check('quotas', 'LoadBalancer', () => loadBalancer(ports)),
  ]);
  return findings.flat();
}

async function fargate(
  how: string,
  needed: number,
  quota: typeof FARGATE_VCPUS,
  { quotas }: Pick<AccountPorts, 'quotas'>,
): Promise<Said> {
  const { Quota } = await quotas.getServiceQuota(quota);
  const allowed = Quota?.Value ?? 0;
  const value = `${rounded(needed)} of ${rounded(allowed)} vCPUs`;
  if (needed <= allowed * SHARE_WARNED) {
    return { level: 'ok', value, message: `what these objects need ${how} at their most fits the account's quota` };
  }
  const message =
    needed > allowed
      ? `these objects need more ${how} at their most than the account allows: tasks will not start`
      : `these objects need most of the account's quota ${how} at their most, and others may use it too`;
  const remedy = `ask for more: aws service-quotas request-service-quota-increase --service-code ${quota.ServiceCode} --quota-code ${quota.QuotaCode} --desired-value ${Math.ceil(needed * 1.5)}`;
  return { level: needed > allowed ? 'fail' : 'warn', value, message, remedy };
}

async function loadBalancer({ limits }: Pick<AccountPorts, 'limits'>): Promise<Said> {
  const { Limits } = await limits.describeAccountLimits({});
  const limit = (name: string) => Number(Limits?.find(({ Name }) => Name === name)?.Max ?? Number.NaN);
  const groups = limit('target-groups-per-application-load-balancer');
  const rules = limit('rules-per-application-load-balancer');
  if (Number.isNaN(groups) || Number.isNaN(rules)) {
    const message = 'the account does not say how many target groups and rules a load balancer holds';
    return { level: 'warn', message, remedy: 'see Service Quotas of Elastic Load Balancing' };
  }
  const objects = Math.min(Math.floor(groups / GROUPS_PER_OBJECT), rules);
  const value = `${groups} target groups, ${rules} rules`;
  const message = `a load balancer holds ${objects} objects`;
  if (rules >= groups / GROUPS_PER_OBJECT) return { level: 'ok', value, message };
  return { level: 'warn', value, message, remedy: 'rules end before target groups do: ask for more rules' };
}

function rounded(vcpus: number): string {
  return String(Math.round(vcpus * 100) / 100);
}

/**
 * What a whole step does to those who are being served. The risk of changing a field stands in `field-owners.ts`; here is
 * what follows from making, replacing and taking away.
 */
import { greatest, type Risk, riskOf } from './field-owners.ts';
import type { Step, World } from './world.ts';

export interface StepRisk {
  readonly risk: Risk;
  /** Empty where there is nothing to say: nothing is served through it yet, or any more. */
  readonly because: string;
}

const CREATE: Readonly<Record<string, string>> = {
  'listener-rule':
    'it forwards to nothing that serves yet; a rule with a higher number no longer gets requests for the same hosts and paths',
  'task-definition': 'a new revision; it takes effect when the service is told to use it',
};

/** Kinds through which requests pass: without them, requests of an object that goes are refused. */
const SERVING: Readonly<Record<string, string>> = {
  'ecs-service': 'its tasks are drained and end',
  'listener-rule': 'requests for its hosts and paths get what another rule, or the listener, answers',
  'lambda-target': 'the load balancer no longer reaches the function; callers by ARN still do',
  'lambda-permission': 'the load balancer may no longer invoke the function; callers by ARN still do',
};

const LOST: Readonly<Record<string, string>> = {
  'log-group': 'everything that was logged is deleted with it',
};

/** Pure. `goal` is the world's: the same deletion is harmless for what is left over and ends what a whole object serves. */
export function stepRisk(step: Pick<Step, 'action' | 'kind' | 'changes'>, goal: World['goal']): StepRisk {
  const { action, kind, changes } = step;
  switch (action) {
    case 'create':
      return { risk: 'none', because: CREATE[kind] ?? '' };
    case 'update':
      return changes.length === 0 ? retry(kind) : ofChanges(step);
    case 'reincarnate':
      return changes.length === 0
        ? {
            risk: 'interrupts',
            because:
              'the old one is ending under its name; until its successor can serve, only what else is there does',
          }
        : ofChanges(step);
    case 'delete': {
      // What is left over of an object that goes on serves nothing by then, but a rule was an address.
      const isLeftOver = goal === 'converge' && kind !== 'listener-rule';
      const serves = isLeftOver ? undefined : SERVING[kind];
      if (serves !== undefined) return { risk: 'interrupts', because: serves };
      return { risk: 'none', because: LOST[kind] ?? '' };
    }
    case 'release':
      return { risk: 'none', because: 'only our tags are taken off; it runs on' };
  }
}

function ofChanges({ kind, changes }: Pick<Step, 'kind' | 'changes'>): StepRisk {
  const risks = changes.map((change) => riskOf(kind, change));
  const risk = greatest(risks.map((found) => found.risk));
  return { risk, because: risks.find((found) => found.risk === risk)?.because ?? '' };
}

function retry(kind: string): StepRisk {
  return kind === 'ecs-service'
    ? { risk: 'brief', because: 'a new deployment is begun in place of the one that failed' }
    : { risk: 'none', because: 'it is tried again' };
}

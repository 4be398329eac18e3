/**
 * Writes the generated IAM statements into a CloudFormation template: what stands between a line `# <generated NAME>`
 * and the next `# </generated>` is replaced, everything else is kept to the letter. Pure; `generate-policy.ts` reads and
 * writes the files, and a test compares.
 */
import {
  type Explained,
  explainedControllerPolicy,
  explainedReaderPolicy,
  PARTS,
  type PolicyScope,
  type Resources,
} from '../src/cli/policy.ts';

/** What CloudFormation's `Sub` puts the value of a parameter for. */
const filledIn = (name: string) => `\${${name}}`;

/** What the templates call the parameters that a policy is narrowed to. */
export const TEMPLATE_SCOPE: PolicyScope = {
  partition: filledIn('AWS::Partition'),
  region: filledIn('AWS::Region'),
  account: filledIn('AWS::AccountId'),
  desiredTable: filledIn('DesiredTableName'),
  stateTable: filledIn('StateTableName'),
  cluster: filledIn('ClusterName'),
  loadBalancer: filledIn('LoadBalancerName'),
  repositoryPrefix: filledIn('RepositoryPrefix'),
  functions: filledIn('FunctionNames'),
  archives: filledIn('ArchiveBuckets'),
  taskRoles: { Ref: 'TaskRoleArns' },
  buildRoles: { Ref: 'BuildRoleArns' },
  sourceRoles: { Ref: 'SourceRoleArns' },
  sourceSecrets: { Ref: 'SourceSecretArns' },
  eventQueue: filledIn('EventQueue.QueueName'),
};

const LINE_LENGTH = 110;

const REGION = /^( *)# <generated ([a-z-]+)>\n(?:.*\n)*?\1# <\/generated>$/gm;

/** What is generated, by the name of the region that it stands in. */
export function generatedRegions(): ReadonlyMap<string, readonly Explained[]> {
  const controller = explainedControllerPolicy(TEMPLATE_SCOPE);
  return new Map([
    ...PARTS.map((part) => [`controller-${part}`, controller[part]] as const),
    ['reader', explainedReaderPolicy(TEMPLATE_SCOPE)] as const,
  ]);
}

/** The template with its regions written anew, and their names. @throws Error when nothing of a region's name is generated */
export function withPolicies(template: string): { readonly text: string; readonly regions: readonly string[] } {
  const generated = generatedRegions();
  const regions: string[] = [];
  const text = template.replace(REGION, (_all, indent: string, name: string) => {
    const statements = generated.get(name);
    if (!statements) throw new Error(`<generated ${name}>: nothing of that name is generated`);
    regions.push(name);
    const lines = statements.flatMap(statementLines).map((line) => `${indent}${line}`);
    return [`${indent}# <generated ${name}>`, ...lines, `${indent}# </generated>`].join('\n');
  });
  return { text, regions };
}

function statementLines({ statement, because }: Explained): string[] {
  const { Sid, Action, Resource, Condition } = statement;
  return [
    ...because.map((reason) => `# ${reason}`),
    `- Sid: ${Sid}`,
    '  Effect: Allow',
    ...actionLines(Action),
    ...resourceLines(Resource),
    ...(Condition ? ['  Condition:', ...Object.entries(Condition).flatMap(conditionLines)] : []),
  ];
}

/** On one line where it fits. */
function actionLines(actions: readonly string[]): string[] {
  const line = actions.length === 1 ? `  Action: ${actions[0]}` : `  Action: [${actions.join(', ')}]`;
  return line.length <= LINE_LENGTH ? [line] : ['  Action:', ...actions.map((action) => `    - ${action}`)];
}

function resourceLines(resource: Resources): string[] {
  if ('Ref' in resource) return [`  Resource: !Ref ${resource.Ref}`];
  if (resource.length === 1) return [`  Resource: ${value(resource[0] ?? '')}`];
  return ['  Resource:', ...resource.map((arn) => `    - ${value(arn)}`)];
}

function conditionLines([operator, keys]: [string, Readonly<Record<string, string>>]): string[] {
  const entries = Object.entries(keys).map(([key, text]) => `${key}: ${value(text)}`);
  return [`    ${operator}:`, ...entries.map((entry) => `      ${entry}`)];
}

function value(text: string): string {
  const only = /^\$\{(\w+)\}$/.exec(text)?.[1];
  if (only) return `!Ref ${only}`;
  return text.includes('${') ? `!Sub ${text}` : text === '*' ? "'*'" : text;
}

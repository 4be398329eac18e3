/** Policies as `deploy/` has them, with the values of one account filled in: what CloudFormation would create. */
import { type Template, template } from '../../deploy/template.ts';

const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'us-east-1',
  'AWS::AccountId': '000000000000',
  'AWS::StackName': 'lambdacontainer',
};

type Values = Readonly<Record<string, unknown>>;

/** The document of a resource: a managed policy's, the first inline one's of a role, or a role's trust. */
export function deployedPolicy(
  file: string,
  resource: string,
  parameters: Values,
  which: 'policy' | 'trust' = 'policy',
): string {
  const { Parameters, Resources } = template(file);
  const properties = Resources[resource]?.Properties ?? {};
  const inline = (properties.Policies as { PolicyDocument: unknown }[] | undefined)?.[0]?.PolicyDocument;
  const document = which === 'trust' ? properties.AssumeRolePolicyDocument : (properties.PolicyDocument ?? inline);
  if (document === undefined) throw new Error(`${file} has no ${which} of ${resource}`);
  return JSON.stringify(filled(document, { ...defaultsOf(Parameters), ...PSEUDO, ...parameters }));
}

function defaultsOf(parameters: Template['Parameters']): Values {
  return Object.fromEntries(Object.entries(parameters).map(([name, { Default }]) => [name, Default]));
}

function filled(value: unknown, values: Values): unknown {
  if (Array.isArray(value)) return value.map((one) => filled(one, values));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [key, inner] = entries[0] ?? [];
  if (entries.length === 1 && key === 'Ref') return known(String(inner), values);
  if (entries.length === 1 && key === 'Fn::GetAtt') return known((inner as string[]).join('.'), values);
  if (entries.length === 1 && key === 'Fn::Sub') {
    return String(inner).replace(/\$\{(?!!)([^}]+)\}/g, (_all, name: string) => String(known(name, values)));
  }
  return Object.fromEntries(entries.map(([name, one]) => [name, filled(one, values)]));
}

function known(name: string, values: Values): unknown {
  if (values[name] === undefined) throw new Error(`nothing says what ${name} is`);
  return values[name];
}

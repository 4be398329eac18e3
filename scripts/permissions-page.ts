/** The page that says of every statement of the controller's policy what it allows, on what and why. Pure. */
import { DEFAULT_SCOPE, type Explained, explainedControllerPolicy, PARTS } from '../src/cli/policy.ts';

const TITLES: Readonly<Record<(typeof PARTS)[number], string>> = {
  records: 'Records, state and what is heard',
  artifacts: 'Builds, images and logs',
  tasks: 'Tasks, services and scaling',
  traffic: 'Load balancers and functions',
};

/** Markdown, with the default names. */
export function permissionsPage(): string {
  const parts = explainedControllerPolicy(DEFAULT_SCOPE);
  const sections = PARTS.map((part) => `## ${TITLES[part]}\n\n${HEAD}\n${parts[part].map(row).join('\n')}\n`);
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

const INTRODUCTION = `# What the controller may do, and why

Generated from what each resource kind declares and what the stores call beside it (\`npm run generate\`); with the default names, as in
[deploy/controller-policy.json](../deploy/controller-policy.json). How it is held, and what is left to you, is in
[Deploying](deploying.md#what-the-daemon-may-do).
`;
const HEAD = '| actions | on | if | because it |\n| --- | --- | --- | --- |';

function row({ statement, because }: Explained): string {
  const { Action, Resource, Condition = {} } = statement;
  const resources = 'Ref' in Resource ? [Resource.Ref] : Resource;
  const conditions = Object.entries(Condition).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([key, value]) => `${operator} \`${key}\`: \`${value}\``),
  );
  const cells = [Action.map(code), resources.map(code), conditions, because].map((cell) => cell.join('<br>'));
  return `| ${cells.join(' | ')} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

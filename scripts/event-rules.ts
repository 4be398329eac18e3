/**
 * Writes the EventBridge rules of the controller's template, from what the resource kinds say of AWS's events: between a
 * line `# <event rules>` and the next `# </event rules>`. What needs a trail is joined into as few rules as can be,
 * because a template has little room; a rule may let more through than was asked for, and whoever reads an event looks
 * closer. Pure; `generate-policy.ts` reads and writes the file, and a test compares.
 */
import { eventPatterns } from '../src/controller/events/patterns.ts';
import { KINDS } from '../src/kinds/index.ts';

type Pattern = Readonly<Record<string, unknown>>;

export interface EventRule {
  /** Of the resource in the template. */
  readonly id: string;
  /** What the rule's name ends with. */
  readonly name: string;
  readonly needsTrail: boolean;
  /** As EventBridge takes it. */
  readonly pattern: Pattern;
}

/** Of buckets, only those that archives may be in: a busy one of somebody else's would fill the queue. */
const NARROWED: Readonly<Record<string, Pattern>> = {
  'aws.s3': { bucket: { name: [{ wildcard: { Ref: 'ArchiveBuckets' } }] } },
};

/** The rules for all kinds, sorted by name. */
export function eventRules(): readonly EventRule[] {
  const groups = new Map<string, ReturnType<typeof eventPatterns>[number][]>();
  for (const rule of eventPatterns(KINDS)) {
    const key = rule.needsTrail ? membersOf(rule.pattern).join() : rule.name;
    groups.set(key, [...(groups.get(key) ?? []), rule]);
  }
  let joined = 0;
  return [...groups.values()]
    .map((rules): EventRule => {
      const [{ name: only, needsTrail } = { name: '', needsTrail: false }] = rules;
      const name = needsTrail ? `api-calls-${++joined}` : only.replace(/^lambdacontainer-/, '');
      return {
        id: name.replaceAll(/(?:^|-)([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase()),
        name,
        needsTrail,
        pattern: narrowed(rules.map(({ pattern }) => pattern).reduce(union)),
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function narrowed(pattern: Pattern): Pattern {
  const detail = NARROWED[String((pattern.source as unknown[])[0])];
  return detail ? { ...pattern, detail: { ...(pattern.detail as Pattern | undefined), ...detail } } : pattern;
}

/** Paths of the lists in a pattern. */
function membersOf(pattern: Pattern, path = ''): string[] {
  return Object.entries(pattern)
    .flatMap(([key, member]) =>
      Array.isArray(member) ? [`${path}${key}`] : membersOf(member as Pattern, `${path}${key}.`),
    )
    .sort();
}

/** What either lets through, and what has values of both. Of patterns with the same members. */
function union(one: Pattern, other: Pattern): Pattern {
  return Object.fromEntries(
    Object.entries(one).map(([key, member]) => {
      const theirs = other[key];
      if (!Array.isArray(member)) return [key, union(member as Pattern, theirs as Pattern)];
      return [key, [...new Set([...member, ...(theirs as unknown[])])].sort()];
    }),
  );
}

const REGION = /^( *)# <event rules>\n(?:.*\n)*?\1# <\/event rules>$/gm;

/** The template with its rules written anew; everything else is kept to the letter. */
export function withEventRules(template: string): string {
  return template.replace(REGION, (_all, indent: string) => {
    const lines = eventRules().flatMap(ruleLines);
    return [`${indent}# <event rules>`, ...lines.map((line) => `${indent}${line}`), `${indent}# </event rules>`].join(
      '\n',
    );
  });
}

function ruleLines({ id, name, needsTrail, pattern }: EventRule): string[] {
  return [
    `${id}:`,
    '  Type: AWS::Events::Rule',
    ...(needsTrail ? ['  Condition: HasTrail'] : []),
    '  Properties:',
    `    Name: !Sub \${AWS::StackName}-${name}`,
    `    EventPattern:`,
    ...memberLines(pattern, '      '),
    '    State: ENABLED',
    '    Targets:',
    '      - Id: queue',
    '        Arn: !GetAtt EventQueue.Arn',
    '        DeadLetterConfig: { Arn: !GetAtt DeadLetterQueue.Arn }',
    '    Tags: [{ Key: application, Value: lambdacontainer }, { Key: component, Value: controller }]',
  ];
}

function memberLines(value: Pattern, indent: string): string[] {
  return Object.entries(value).flatMap(([key, member]) => {
    if (!Array.isArray(member)) return [`${indent}${key}:`, ...memberLines(member as Pattern, `${indent}  `)];
    const items = member.map(itemText);
    const line = `${indent}${key}: [${items.join(', ')}]`;
    return line.length <= 110 ? [line] : [`${indent}${key}:`, ...items.map((one) => `${indent}  - ${one}`)];
  });
}

/** A text, or a filter of a parameter's value. */
function itemText(item: unknown): string {
  if (typeof item !== 'object' || item === null) return String(item);
  const filters = Object.entries(item as Record<string, { readonly Ref: string }>);
  return `{ ${filters.map(([filter, { Ref }]) => `${filter}: !Ref ${Ref}`).join(', ')} }`;
}

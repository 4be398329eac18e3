/**
 * Where an API server with our definitions and `lambdacontainer apply` differ on purpose. Every entry stands in
 * docs/compatibility-kubernetes.md, and one that no document needs any more fails the test.
 */
export interface Difference {
  /** What the documentation calls it. */
  readonly rule: string;
  /** Who refuses; the other accepts. */
  readonly refuses: 'lambdacontainer' | 'Kubernetes';
  /** Matches each line of the one who refuses. */
  readonly line: RegExp;
  readonly why: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    rule: 'Fields of later versions',
    refuses: 'lambdacontainer',
    line: /is not available in this version/,
    why: 'The definitions have them already, so that they need not change; a spec that asks for them in vain is told so instead of being ignored.',
  },
  {
    rule: 'The default CPU, and the least number of tasks',
    refuses: 'lambdacontainer',
    line: /does not go with cpu \d+ \(the default\)|leaves nobody to serve/,
    why: "A definition sees only the document. What it leaves out may come from its class, and whoever knows no class judges by the product's defaults.",
  },
  {
    rule: '`placement.mode: split` without shares',
    refuses: 'lambdacontainer',
    line: /needs the shares/,
    why: 'A class may give the shares.',
  },
  {
    rule: 'Environment that looks like a secret',
    refuses: 'lambdacontainer',
    line: /looks like a secret/,
    why: 'It is a guess by name and shape, with `acknowledgePlaintextEnvironment` to overrule it; CEL cannot express it within its cost.',
  },
  {
    rule: 'Size of the environment',
    refuses: 'lambdacontainer',
    line: /a task definition holds 64 KiB/,
    why: 'It is counted in bytes of UTF-8; CEL counts characters.',
  },
  {
    rule: 'Size of a document',
    refuses: 'lambdacontainer',
    line: /is larger than 400 KB/,
    why: 'A record is an item of DynamoDB, which holds 400 KB; an API server takes more.',
  },
  {
    rule: 'The URL and the folders of `source.repository`',
    refuses: 'lambdacontainer',
    line: /can be read and changed on its way|is not a folder of the repository/,
    why: 'Whether plain http stays on this machine, and where a path leads, is judged after it was parsed; a pattern cannot do that.',
  },
  {
    rule: 'A class whose listeners or roles are elsewhere',
    refuses: 'lambdacontainer',
    line: /is in [a-z0-9-]+, but spec\.region is|is of account \d{12}, but the class is for account/,
    why: 'It compares parts of ARNs with other fields, which costs CEL more than a definition may.',
  },
  {
    rule: 'Ranges of versions',
    refuses: 'lambdacontainer',
    line: /is not a range of versions/,
    why: 'Their grammar is that of semver, which neither a pattern nor CEL can judge.',
  },
  {
    rule: 'Number of labels and annotations',
    refuses: 'lambdacontainer',
    line: /has \d+ entries; use at most 64/,
    why: 'A record is small; Kubernetes bounds their size in all.',
  },
  {
    rule: 'Annotations under `lambdacontainer.dev/`',
    refuses: 'lambdacontainer',
    line: /^metadata\.annotations\["lambdacontainer\.dev\//,
    why: 'A misspelt annotation would protect nothing, silently; an API server does not look at annotations.',
  },
  {
    rule: '`finalizers`, `ownerReferences`, `generateName`',
    refuses: 'lambdacontainer',
    line: /^metadata\.(finalizers|ownerReferences|generateName): /,
    why: 'Nothing acts on them outside of a cluster.',
  },
  {
    rule: 'An empty `namespace`',
    refuses: 'lambdacontainer',
    line: /^metadata\.namespace: is empty/,
    why: "It is mostly a template's variable that is not set; the default namespace would be a guess.",
  },
  {
    rule: 'Words and numbers of YAML 1.1',
    refuses: 'lambdacontainer',
    line: /has a leading zero|'(no|On|1_000|0b11)' is text, not/,
    why: 'kubectl reads YAML 1.1 (`no` is false, `010` is 8); we read YAML 1.2 and refuse what both would take differently where it matters.',
  },
  {
    rule: 'Text that YAML 1.1 takes for something else',
    refuses: 'Kubernetes',
    line: /must be of type string: "(boolean|integer)"/,
    why: '`on` and `1_000` are text in YAML 1.2; kubectl reads a boolean and a number. Quotes make it the same for both.',
  },
  {
    rule: 'Tags of YAML',
    refuses: 'lambdacontainer',
    line: /has a tag that is not known here|is binary/,
    why: 'kubectl drops unknown tags and decodes `!!binary`; we do not guess what was meant.',
  },
  {
    rule: '`__proto__` as a name',
    refuses: 'lambdacontainer',
    line: /is not allowed as a name; remove the field '__proto__'/,
    why: 'It names the prototype of objects in JavaScript and never a variable.',
  },
  {
    rule: 'What only an API server writes in metadata',
    refuses: 'Kubernetes',
    line: /ObjectMeta\.generation/,
    why: '`generation`, `uid`, `resourceVersion`, `managedFields` and the like are accepted and dropped unread, so that what `kubectl get -o yaml` printed can be applied.',
  },
];

/** Records of the desired table as people put them by hand, and what is wrong with them. */
import { CLASS_SPEC, MINIMAL_SPEC } from '../fixtures.ts';
import type { RecordCase } from './case.ts';

const GOOD = { namespace: 'shop', name: 'checkout', spec: MINIMAL_SPEC };
const CLASS = { namespace: '_system', name: 'class/standard', spec: CLASS_SPEC };

/** `__proto__` as a member of its own, as it comes out of a table. */
const proto = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

export const INVALID_RECORDS: readonly RecordCase[] = [
  [
    'nothing',
    {},
    'namespace: is missing; give a name of lower-case letters, digits and hyphens',
    'name: is missing; give a name of lower-case letters, digits and hyphens',
    'spec: is missing; give at least {"source": {"functionRef": {"name": "my-function"}}}',
  ],
  [
    'no spec',
    { namespace: 'shop', name: 'checkout' },
    'spec: is missing; give at least {"source": {"functionRef": {"name": "my-function"}}}',
  ],
  [
    'no name',
    { namespace: 'shop', spec: MINIMAL_SPEC },
    'name: is missing; give a name of lower-case letters, digits and hyphens',
  ],
  [
    'null for a spec',
    { ...GOOD, spec: null },
    'spec: null stands where an object is expected; give an object, or remove it',
  ],
  [
    'text for a spec',
    { ...GOOD, spec: JSON.stringify(MINIMAL_SPEC) },
    'spec: \'{"source":{"functionRef":{"name":"checkout"}}}\' is JSON within text, not an object; give the object itself (in a DynamoDB item {"M": {…}})',
  ],
  ['a list for a spec', { ...GOOD, spec: [MINIMAL_SPEC] }, 'spec: is a list, not an object; give an object'],
  ['a number for a spec', { ...GOOD, spec: 5 }, 'spec: 5 is a number, not an object; give an object'],
  [
    'a set for a spec',
    { ...GOOD, spec: new Set(['a']) },
    'spec: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}',
  ],
  ['capitals', { ...GOOD, name: 'Checkout' }, "name: 'Checkout' has capital letters; use 'checkout'"],
  ['capitals in a namespace', { ...GOOD, namespace: 'Shop' }, "namespace: 'Shop' has capital letters; use 'shop'"],
  [
    'unicode',
    { ...GOOD, name: 'kasse-ü' },
    "name: 'kasse-ü' is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
  ],
  [
    'letters that look like others',
    { ...GOOD, name: 'сheckout' },
    "name: 'сheckout' is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
  ],
  [
    '300 bytes',
    { ...GOOD, name: 'x'.repeat(300) },
    "name: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has 300 characters; use at most 63",
  ],
  [
    '1024 bytes of unicode',
    { ...GOOD, name: 'ü'.repeat(512) },
    "name: 'üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü…' has 512 characters; use at most 63",
  ],
  ['empty', { ...GOOD, name: '' }, 'name: is empty; give a name of lower-case letters, digits and hyphens'],
  [
    'a hyphen at the end',
    { ...GOOD, name: 'checkout-' },
    "name: 'checkout-' is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
  ],
  [
    'a dot',
    { ...GOOD, name: 'checkout.live' },
    "name: 'checkout.live' is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
  ],
  [
    'a line break',
    { ...GOOD, name: 'check\nout' },
    "name: 'check out' is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
  ],
  ['a number for a name', { ...GOOD, name: 5 }, 'name: 5 is a number, not text; put it in quotes: "5"'],
  ['binary for a name', { ...GOOD, name: new Uint8Array(2) }, 'name: is binary; write it as text instead: {"S": "…"}'],
  [
    'a slash',
    { ...GOOD, name: 'class/x' },
    "name: 'class/x' contains '/', which is reserved; use letters, digits and hyphens",
  ],
  [
    'an underscore',
    { ...GOOD, namespace: '_mine' },
    "namespace: '_mine' begins with an underscore, which is reserved; use letters, digits and hyphens",
  ],
  [
    'a name of the reserved partition',
    { ...GOOD, namespace: '_system' },
    "name: 'checkout' is not the name of an object in '_system'; use class/<name> or source/<name>",
  ],
  [
    'a class with capitals',
    { ...CLASS, name: 'class/Standard' },
    "name: 'Standard' has capital letters; use 'standard'",
  ],
  [
    'a class without a name',
    { ...CLASS, name: 'class/' },
    'name: is empty; give a name of lower-case letters, digits and hyphens',
  ],
  [
    'a class among the others',
    { ...GOOD, kind: 'LambdaContainerClass' },
    "kind: 'LambdaContainerClass' belongs into namespace '_system'; put it there, named class/<name>",
  ],
  [
    'a source among the others',
    { ...GOOD, kind: 'GitSource' },
    "kind: 'GitSource' belongs into namespace '_system'; put it there, named source/<name>",
  ],
  [
    'a kind against its key',
    { ...CLASS, kind: 'LambdaContainer' },
    "kind: 'LambdaContainer' does not go with this key, which means LambdaContainerClass; change kind or key",
  ],
  [
    'a misspelt kind',
    { ...GOOD, kind: 'LamdaContainer' },
    "kind: 'LamdaContainer' is not a kind that is known here; did you mean 'LambdaContainer'?",
  ],
  [
    'a number for a kind',
    { ...GOOD, kind: 1 },
    'kind: 1 is not a kind that is known here; use LambdaContainer, LambdaContainerClass, GitSource',
  ],
  [
    'another version',
    { ...GOOD, apiVersion: 'v1' },
    "apiVersion: 'v1' is not a version that is known here; use lambdacontainer.dev/v1alpha1",
  ],
  [
    'a number for a version',
    { ...GOOD, apiVersion: 1 },
    'apiVersion: 1 is not a version that is known here; use lambdacontainer.dev/v1alpha1',
  ],
  [
    'metadata as in a manifest',
    { ...GOOD, metadata: { name: 'checkout' } },
    "metadata: 'metadata' is not a field here; a record has namespace, name, labels and annotations at its top",
  ],
  [
    'status',
    { ...GOOD, status: {} },
    "status: 'status' is not a field here; status is in the state table and only the controller writes it; remove it",
  ],
  [
    'a time to live',
    { ...GOOD, ttl: 5 },
    "ttl: 'ttl' is not a field here; use namespace, name, apiVersion, kind, labels, annotations, spec",
  ],
  [
    'a misspelt member',
    { ...GOOD, anotations: {} },
    "anotations: 'anotations' is not a field here; did you mean 'annotations'?",
  ],
  [
    'members of every object',
    { ...GOOD, toString: 'x', constructor: 'y', hasOwnProperty: 'z' },
    "toString: 'toString' is not a field here; use namespace, name, apiVersion, kind, labels, annotations, spec",
    "constructor: 'constructor' is not a field here; use namespace, name, apiVersion, kind, labels, annotations, spec",
    "hasOwnProperty: 'hasOwnProperty' is not a field here; use namespace, name, apiVersion, kind, labels, annotations, spec",
  ],
  [
    'a prototype',
    proto('{"namespace":"a","name":"b","spec":{"source":{"functionRef":{"name":"f"}}},"__proto__":{"x":1}}'),
    "__proto__: is not allowed as a name; remove the field '__proto__'",
  ],
  [
    'a prototype in a spec',
    proto('{"namespace":"a","name":"b","spec":{"__proto__":{"x":1}}}'),
    "spec.__proto__: is not allowed as a name; remove the field '__proto__'",
  ],
  [
    'a prototype among labels',
    proto('{"namespace":"a","name":"b","spec":{"source":{"functionRef":{"name":"f"}}},"labels":{"__proto__":"x"}}'),
    "labels.__proto__: is not allowed as a name; remove the field '__proto__'",
  ],
  [
    'a string set',
    { ...GOOD, spec: { traffic: { hosts: new Set(['a.io']) } } },
    'spec.traffic.hosts: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}',
  ],
  [
    'a number set',
    { ...GOOD, spec: { scaling: { min: new Set([1]) } } },
    'spec.scaling.min: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}',
  ],
  [
    'a binary set',
    { ...GOOD, spec: { environment: { A: new Set([new Uint8Array(1)]) } } },
    'spec.environment.A: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}',
  ],
  [
    'binary',
    { ...GOOD, spec: { className: new Uint8Array(2) } },
    'spec.className: is binary; write it as text instead: {"S": "…"}',
  ],
  [
    'a set of labels',
    { ...GOOD, labels: new Set(['a']) },
    'labels: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}',
  ],
  ['a number for a label', { ...GOOD, labels: { a: 1 } }, 'labels.a: 1 is not text; put it in quotes: "1"'],
  ['true for a label', { ...GOOD, labels: { a: true } }, 'labels.a: true is not text; put it in quotes: "true"'],
  ['null for a label', { ...GOOD, labels: { a: null } }, 'labels.a: is not text; give text'],
  ['a map for a label', { ...GOOD, labels: { a: {} } }, 'labels.a: is not text; give text'],
  ['labels as a list', { ...GOOD, labels: ['a'] }, 'labels: is not an object; write { name: value }'],
  [
    'a label with a space',
    { ...GOOD, labels: { team: 'shop and cart' } },
    "labels.team: 'shop and cart' is not a value for a label; use letters, digits, hyphens, underscores and dots, or an annotation",
  ],
  [
    'a long label',
    { ...GOOD, labels: { team: 'x'.repeat(64) } },
    "labels.team: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has 64 characters; a label holds 63: use an annotation for longer text",
  ],
  [
    'a name of a label',
    { ...GOOD, labels: { 'my team': 'x' } },
    'labels["my team"]: \'my team\' is not a valid name; use letters, digits, hyphens, underscores and dots, beginning and ending with a letter or digit',
  ],
  [
    'a prefix of a label',
    { ...GOOD, labels: { 'Example.com/team': 'x' } },
    'labels["Example.com/team"]: \'Example.com/team\' has a prefix that is not a DNS name in lower case; write it like example.com/name',
  ],
  [
    'two slashes in a label',
    { ...GOOD, labels: { 'a/b/c': 'x' } },
    "labels[\"a/b/c\"]: 'a/b/c' has several '/'; write name or prefix.example.com/name",
  ],
  [
    'a long name of a label',
    { ...GOOD, labels: { ['x'.repeat(64)]: 'x' } },
    "labels.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has 64 characters; use at most 63",
  ],
  [
    'many labels',
    { ...GOOD, labels: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`l${n}`, ''])) },
    'labels: has 65 entries; use at most 64',
  ],
  [
    'annotations as text',
    { ...GOOD, annotations: 'protected' },
    "annotations: 'protected' is not an object; write { name: value }",
  ],
  [
    'protection as a boolean',
    { ...GOOD, annotations: { 'lambdacontainer.dev/protected': true } },
    'annotations["lambdacontainer.dev/protected"]: true is not text; put it in quotes: "true"',
  ],
  [
    'protection misspelt',
    { ...GOOD, annotations: { 'lambdacontainer.dev/protect': 'true' } },
    "annotations[\"lambdacontainer.dev/protect\"]: 'lambdacontainer.dev/protect' is not an annotation; did you mean 'lambdacontainer.dev/protected'?",
  ],
  [
    'protection by another word',
    { ...GOOD, annotations: { 'lambdacontainer.dev/protected': 'yes' } },
    'annotations["lambdacontainer.dev/protected"]: \'yes\' means nothing here; write "true" or "false" in quotes',
  ],
  [
    'a cascade that is not known',
    { ...GOOD, annotations: { 'lambdacontainer.dev/cascade': 'foreground' } },
    "annotations[\"lambdacontainer.dev/cascade\"]: 'foreground' means nothing here; write 'orphan', or remove the annotation",
  ],
  [
    'a source that is disabled otherwise',
    { ...GOOD, annotations: { 'lambdacontainer.dev/source-reconcile': 'false' } },
    "annotations[\"lambdacontainer.dev/source-reconcile\"]: 'false' means nothing here; write 'disabled', or remove the annotation",
  ],
  [
    'an annotation under our prefix',
    { ...GOOD, annotations: { 'lambdacontainer.dev/owner': 'me' } },
    "annotations[\"lambdacontainer.dev/owner\"]: 'lambdacontainer.dev/owner' is not an annotation; did you mean 'lambdacontainer.dev/source'?",
  ],
  [
    'a long mark',
    { ...GOOD, annotations: { 'lambdacontainer.dev/restarted-at': 'x'.repeat(257) } },
    'annotations["lambdacontainer.dev/restarted-at"]: has 257 characters; use at most 256',
  ],
  [
    '400 KB',
    { ...GOOD, spec: { x: 'y'.repeat(410_000) } },
    'spec: is larger than 400 KB, which DynamoDB cannot store; make it smaller',
  ],
  [
    '400 KB of labels',
    { ...GOOD, labels: { a: 'y'.repeat(410_000) } },
    'labels: is larger than 400 KB, which DynamoDB cannot store; make it smaller',
  ],
  [
    'deep',
    { ...GOOD, spec: deep(60) },
    'spec.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: is nested more than 40 levels deep; flatten it',
  ],
  [
    'not a number',
    { ...GOOD, spec: { scaling: { min: Number.NaN } } },
    'spec.scaling.min: NaN is not a finite number; give a finite one',
  ],
  [
    'a number beyond 2^53',
    { ...GOOD, spec: { scaling: { min: 2n ** 64n } } },
    'spec.scaling.min: 18446744073709551616 is too large a number; use one below 2^53',
  ],
  [
    'all at once',
    { namespace: 'A', name: 'b_', kind: 'X', apiVersion: 'v0', labels: 1, spec: undefined },
    "namespace: 'A' has capital letters; use 'a'",
    "name: 'b_' is not a valid name; use lower-case letters, digits and hyphens, beginning and ending with a letter or digit",
    "kind: 'X' is not a kind that is known here; use LambdaContainer, LambdaContainerClass, GitSource",
    "apiVersion: 'v0' is not a version that is known here; use lambdacontainer.dev/v1alpha1",
    'labels: 1 is not an object; write { name: value }',
    'spec: is missing; give at least {"source": {"functionRef": {"name": "my-function"}}}',
  ],
];

export const INVALID_CONFIRMATIONS: readonly RecordCase[] = [
  [
    'nothing',
    {},
    "namespace: is not where confirmations are; use '_system'",
    'name: is not the name of a confirmation; use deletion/<name>',
    'spec: is not an object; write {"objects": [{"namespace": "shop", "name": "checkout", "uid": "…"}]}',
  ],
  [
    'no objects',
    confirmation({}),
    'spec.objects: is not a list; write {"objects": [{"namespace": "shop", "name": "checkout", "uid": "…"}]}',
  ],
  [
    'an empty list',
    confirmation({ objects: [] }),
    'spec.objects: is empty and confirms nothing; name what may be deleted',
  ],
  [
    'names only',
    confirmation({ objects: ['shop/checkout'] }),
    'spec.objects[0]: is not an object; write {"namespace": "…", "name": "…", "uid": "…"}',
  ],
  [
    'no uid',
    confirmation({ objects: [{ namespace: 'shop', name: 'checkout' }] }),
    'spec.objects[0].uid: is missing; `lambdacontainer delete --confirm` fills it in',
  ],
  [
    'a number for a uid',
    confirmation({ objects: [{ namespace: 'shop', name: 'checkout', uid: 5 }] }),
    'spec.objects[0].uid: 5 is not text; put it in quotes',
  ],
  [
    'a misspelt member',
    confirmation({ objects: [{ namespce: 'shop', name: 'checkout', uid: 'u' }] }),
    "spec.objects[0].namespce: 'namespce' is not a field here; did you mean 'namespace'?",
    'spec.objects[0].namespace: is missing; `lambdacontainer delete --confirm` fills it in',
  ],
  [
    'a set',
    confirmation({ objects: new Set(['u']) }),
    'spec.objects: is a DynamoDB set; use a list instead: {"L": [{"S": "…"}]}',
  ],
  [
    'text for a spec',
    confirmation('all'),
    'spec: is not an object; write {"objects": [{"namespace": "shop", "name": "checkout", "uid": "…"}]}',
  ],
  [
    'another member',
    confirmation({ objects: [{ namespace: 's', name: 'c', uid: 'u' }], all: true }),
    "spec.all: 'all' is not a field here; use objects",
  ],
  [
    'a kind',
    { ...confirmation({ objects: [{ namespace: 's', name: 'c', uid: 'u' }] }), kind: 'Confirmation' },
    "kind: 'kind' is not a field here; a confirmation has no kind; remove it",
  ],
  [
    'another namespace',
    { ...confirmation({ objects: [{ namespace: 's', name: 'c', uid: 'u' }] }), namespace: 'shop' },
    "namespace: 'shop' is not where confirmations are; use '_system'",
  ],
  [
    'another name',
    { ...confirmation({ objects: [{ namespace: 's', name: 'c', uid: 'u' }] }), name: 'class/x' },
    "name: 'class/x' is not the name of a confirmation; use deletion/<name>",
  ],
  [
    'capitals',
    { ...confirmation({ objects: [{ namespace: 's', name: 'c', uid: 'u' }] }), name: 'deletion/Friday' },
    "name: 'Friday' has capital letters; use 'friday'",
  ],
  [
    'too many',
    confirmation({ objects: Array.from({ length: 1001 }, () => ({ namespace: 's', name: 'c', uid: 'u' })) }),
    'spec.objects: has 1001 entries; the most is 1000: write several records',
  ],
];

function confirmation(spec: unknown): Record<string, unknown> {
  return { namespace: '_system', name: 'deletion/friday', spec };
}

function deep(levels: number): unknown {
  return levels === 0 ? 1 : { a: deep(levels - 1) };
}

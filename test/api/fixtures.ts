/** Documents that the tests of this room start from. */
export const MINIMAL_SPEC = { source: { functionRef: { name: 'checkout' } } };

export const ROLE = 'arn:aws:iam::111122223333:role/task';
export const LISTENER =
  'arn:aws:elasticloadbalancing:eu-west-1:111122223333:listener/app/shop/50dc6c495c0c9188/f2f7dc8efc522ab2';
export const SECRET_ARN = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf';

export const CLASS_SPEC = {
  cluster: 'shop',
  vpcId: 'vpc-0a1b2c3d',
  subnets: ['subnet-0a1b2c3d', 'subnet-0a1b2c3e'],
  securityGroups: ['sg-0a1b2c3d'],
  listeners: [{ arn: LISTENER, url: 'https://shop.example.com', priorities: { from: 100, to: 200 } }],
  roles: {
    task: ROLE,
    execution: 'arn:aws:iam::111122223333:role/execution',
    build: 'arn:aws:iam::111122223333:role/build',
  },
  build: { image: 'public.ecr.aws/lambdacontainer/builder:1' },
  adapter: { image: 'public.ecr.aws/lambdacontainer/adapter:1' },
};

export const SOURCE_SPEC = {
  url: 'https://github.com/example/deploy.git',
  ref: { branch: 'main' },
  path: 'production',
};

type Json = Record<string, unknown>;

/** `base` with the value at a dotted path replaced; objects on the way are copied or made. */
export function withValue(base: Json, path: string, value: unknown): Json {
  const [head = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...base, [head]: value };
  const below = base[head];
  return { ...base, [head]: withValue(isJson(below) ? below : {}, rest.join('.'), value) };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import awsLambdaFastify from '@fastify/aws-lambda';
import Fastify from 'fastify';

const app = Fastify();
const base = `/${process.env.AWS_LAMBDA_FUNCTION_NAME}`;
app.get(base, (request, reply) =>
  reply.header('set-cookie', 'a=1').send({ framework: 'fastify', query: request.query }),
);
app.post(`${base}/echo`, (request, reply) => reply.code(201).send({ received: request.body }));
app.get(`${base}/binary`, (_request, reply) => reply.type('image/png').send(Buffer.from([137, 80, 78, 71, 0, 255])));
app.get(`${base}/moved`, (_request, reply) => reply.redirect(base, 302));
app.get(`${base}/throws`, async () => {
  throw new Error('on purpose');
});

export const handler = awsLambdaFastify(app, { binaryMimeTypes: ['image/png'] });

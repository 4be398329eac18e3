import Koa from 'koa';
import serverless from 'serverless-http';

const base = `/${process.env.AWS_LAMBDA_FUNCTION_NAME}`;
const app = new Koa({ silent: true });
app.use(async (context) => {
  const { method, path } = context;
  if (path === base) {
    context.cookies.set('a', '1');
    context.body = { framework: 'koa', query: context.query };
  } else if (method === 'POST' && path === `${base}/echo`) {
    const chunks = [];
    for await (const chunk of context.req) chunks.push(chunk);
    context.status = 201;
    context.body = { received: JSON.parse(Buffer.concat(chunks).toString()) };
  } else if (path === `${base}/binary`) {
    context.type = 'png';
    context.body = Buffer.from([137, 80, 78, 71, 0, 255]);
  } else if (path === `${base}/moved`) {
    context.redirect(base);
  } else if (path === `${base}/throws`) {
    throw new Error('on purpose');
  }
});

export const handler = serverless(app, { binary: ['image/*'] });

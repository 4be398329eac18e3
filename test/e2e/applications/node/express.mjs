import express from 'express';
import serverless from 'serverless-http';

const app = express();
const base = `/${process.env.AWS_LAMBDA_FUNCTION_NAME}`;
app.use(express.json());
app.get(base, (request, response) => response.cookie('a', '1').json({ framework: 'express', query: request.query }));
app.post(`${base}/echo`, (request, response) => response.status(201).json({ received: request.body }));
app.get(`${base}/binary`, (_request, response) => response.type('png').send(Buffer.from([137, 80, 78, 71, 0, 255])));
app.get(`${base}/moved`, (_request, response) => response.redirect(302, base));
app.get(`${base}/throws`, () => {
  throw new Error('on purpose');
});

export const handler = serverless(app, { binary: ['image/*'] });

# The daemon. Everything it needs is in the bundle, so the image holds Node, one program and no node_modules.
FROM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:24-slim
WORKDIR /app
COPY --from=build /src/package.json ./
COPY --from=build /src/bin ./bin
COPY --from=build /src/dist ./dist
USER node
# SIGTERM drains the passes that run and hands the lease over.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/bin/lambdacontainer.js"]
CMD ["start"]

# The daemon. Everything of ours is in the bundle, so the image holds Node, git, one program and no node_modules.
FROM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:24-slim
# GitSources: git fetches over HTTPS and SSH, gpg and ssh-keygen verify signatures.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git gnupg openssh-client \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /src/package.json ./
COPY --from=build /src/bin ./bin
COPY --from=build /src/dist ./dist
USER node
# The one place that is written, where the root file system is read-only. Fargate gives a mounted volume the permissions
# of the image's folder only where the image declares it. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
VOLUME /tmp
# SIGTERM drains the passes that run and hands the lease over.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/bin/lambdacontainer.js"]
CMD ["start"]

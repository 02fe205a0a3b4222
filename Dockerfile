# syntax=docker/dockerfile:1
# Built by the same commands as in development: `make web` with Node, `make binary` with Rust. Without the emulated vendors;
# `--build-arg BUILD_FLAGS=` includes them.

# Base images are pinned by the digest of their index, which has all platforms. A new digest comes with the tag that it belongs to.
FROM node:22-bookworm@sha256:363e1587494626837fa7f9a23bdb453d13b0ff3c67c705c2805cfc69c2d2fad7 AS web
ARG BUILD_FLAGS=--no-default-features
WORKDIR /ticketgraph
COPY Makefile ./
COPY scripts scripts
COPY web web
# The schema that the pages are typed by, and the API keys of the sandbox that they offer.
COPY schema/ticketgraph.graphql schema/
COPY config/sandbox.toml config/
# The pages of an image without the sandbox hold none of its keys.
RUN --mount=type=cache,target=/root/.npm \
    if [ "$BUILD_FLAGS" = --no-default-features ]; then export TICKETGRAPH_SANDBOX=off; fi; make web

FROM rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS binary
ARG BUILD_FLAGS=--no-default-features
# The image is built without the repository: --build-arg COMMIT=$(git rev-parse --short=12 HEAD) and its date, for `--version`.
ARG COMMIT=unknown
ARG COMMIT_DATE=unknown
ENV TICKETGRAPH_COMMIT=$COMMIT TICKETGRAPH_COMMIT_DATE=$COMMIT_DATE
WORKDIR /ticketgraph
COPY . .
COPY --from=web /ticketgraph/web/dist web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/ticketgraph/target \
    make binary BUILD_FLAGS="$BUILD_FLAGS" && cp target/release/ticketgraph /ticketgraph/ticketgraph && mkdir /data

# glibc, root certificates, time zones and the binary. Nothing is written outside /data.
FROM gcr.io/distroless/cc-debian12:nonroot@sha256:9dac0a79194e45a7da0158a9c6da57b217585af0786db3845d1f0ec1a0dd182f
COPY --from=binary /ticketgraph/ticketgraph /usr/local/bin/ticketgraph
COPY --from=binary --chown=nonroot:nonroot /data /data
VOLUME /data
# The API. With `server.admin_listen`, pages, health and metrics have a port of their own.
EXPOSE 4000
ENTRYPOINT ["ticketgraph"]
CMD ["serve", "--listen", "0.0.0.0:4000", "--data", "/data"]

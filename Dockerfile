# syntax=docker/dockerfile:1
# Built by the same commands as in development: `make web` with Node, `make binary` with Rust. Without the emulated vendors;
# `--build-arg BUILD_FLAGS=` includes them.

FROM node:20-bookworm AS web
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

FROM rust:1.95-bookworm AS binary
ARG BUILD_FLAGS=--no-default-features
WORKDIR /ticketgraph
COPY . .
COPY --from=web /ticketgraph/web/dist web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/ticketgraph/target \
    make binary BUILD_FLAGS="$BUILD_FLAGS" && cp target/release/ticketgraph /ticketgraph/ticketgraph && mkdir /data

# glibc, root certificates, time zones and the binary. Nothing is written outside /data.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=binary /ticketgraph/ticketgraph /usr/local/bin/ticketgraph
COPY --from=binary --chown=nonroot:nonroot /data /data
VOLUME /data
EXPOSE 4000
ENTRYPOINT ["ticketgraph"]
CMD ["serve", "--listen", "0.0.0.0:4000", "--data", "/data"]

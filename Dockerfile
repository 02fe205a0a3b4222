# syntax=docker/dockerfile:1
# Built by the same commands as on a desk: `make web` with Node, `make binary` with Rust.

FROM node:20-bookworm AS web
WORKDIR /ticketgraph
COPY Makefile ./
COPY scripts scripts
COPY web web
# What the pages are typed by, and the keys of the sandbox that they know.
COPY schema/ticketgraph.graphql schema/
COPY config/sandbox.toml config/
RUN --mount=type=cache,target=/root/.npm make web

FROM rust:1.95-bookworm AS binary
WORKDIR /ticketgraph
COPY . .
COPY --from=web /ticketgraph/web/dist web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/ticketgraph/target \
    make binary && cp target/release/ticketgraph /ticketgraph/ticketgraph && mkdir /data

# glibc, root certificates, time zones, and nothing to run but the binary. Nothing is written outside /data.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=binary /ticketgraph/ticketgraph /usr/local/bin/ticketgraph
COPY --from=binary --chown=nonroot:nonroot /data /data
VOLUME /data
EXPOSE 4000
ENTRYPOINT ["ticketgraph"]
CMD ["serve", "--listen", "0.0.0.0:4000", "--data", "/data"]

# Prodrome in a container: built from this repository, run as a user without rights on a read-only file system.
# docs/guides/containers.md tells how; .ci/containers_check.py checks what can be checked without a container engine.

FROM rust:1-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY src src
COPY web web
COPY migrations migrations
COPY config config
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN useradd --system --user-group --uid 10001 --no-create-home --shell /usr/sbin/nologin prodrome \
    && install --directory --owner=prodrome --group=prodrome --mode=0750 /var/lib/prodrome
COPY --from=build /build/target/release/prodrome /usr/local/bin/prodrome
# What the settings name by relative paths, below the working directory.
WORKDIR /usr/share/prodrome
COPY models models
COPY cds-services cds-services
COPY config config
COPY demo/patients demo/patients
COPY LICENSE LICENSE
# An empty file: the settings are the defaults until another file is mounted over it.
RUN install -D --mode=0644 /dev/null /etc/prodrome/prodrome.toml
# The only places that are written to: the database, when it is SQLite, and /tmp.
VOLUME /var/lib/prodrome
ENV PRODROME__SERVER__BIND=0.0.0.0:8080 \
    PRODROME__DATABASE__URL=sqlite:/var/lib/prodrome/prodrome.sqlite
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["/usr/local/bin/prodrome", "ready", "http://127.0.0.1:8080"]
ENTRYPOINT ["/usr/local/bin/prodrome"]
CMD ["serve", "--config", "/etc/prodrome/prodrome.toml"]

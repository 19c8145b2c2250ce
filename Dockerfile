# One image with both binaries: `postroom` (API, pages, doors) and `postroom-worker`.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --workspace --bins \
    && install -D -t /out target/release/postroom target/release/postroom-worker

FROM debian:bookworm-slim
# For previews of PDF; without it PDF has none.
RUN apt-get update && apt-get install -y --no-install-recommends poppler-utils && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /var/lib/postroom --create-home postroom
COPY --from=build /out/ /usr/local/bin/
USER postroom
WORKDIR /var/lib/postroom
# Made here so that a fresh volume mounted on it belongs to the account above.
RUN mkdir blobs
VOLUME /var/lib/postroom/blobs
ENV POSTROOM_LISTEN=0.0.0.0:8080 \
    BLOB_URL=file:///var/lib/postroom/blobs
EXPOSE 8080
CMD ["postroom", "serve"]

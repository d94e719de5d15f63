# Compiles the module in a container, for machines without Rust, and writes it to
# target/release/liblockwatch.so. In the root of the repository:
#
#   docker build -f packaging/container/module.Dockerfile --output target/release .

FROM rust:1-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock README.md ./
COPY src src
RUN cargo build --release --locked --lib && strip --strip-unneeded target/release/liblockwatch.so

FROM scratch
COPY --from=build /source/target/release/liblockwatch.so /

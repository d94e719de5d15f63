# Compiles the module and the program in a container, for machines without Rust, and writes them to
# target/release/liblockwatch.so and target/program/lockwatch. In the root of the repository:
#
#   docker build -f packaging/container/build.Dockerfile --output target .

FROM rust:1-bookworm AS build
WORKDIR /source
COPY Cargo.toml Cargo.lock README.md ./
COPY src src
COPY common common
COPY cli cli
COPY tests/support tests/support
RUN cargo build --release --locked --lib && cargo build --profile program --locked -p lockwatch-cli && \
    strip --strip-unneeded target/release/liblockwatch.so && strip target/program/lockwatch

FROM scratch
COPY --from=build /source/target/release/liblockwatch.so /release/
COPY --from=build /source/target/program/lockwatch /program/

# An image of explore: one static program and nothing else.
#
#   docker build -t explore .
#   docker run --rm -v /var/run/docker.sock:/var/run/docker.sock explore --ci app:1.2
#   docker run --rm -v "$PWD:/work" -w /work explore --ci app.tar
ARG RUST=rust:1-alpine
FROM ${RUST} AS build
# zstd is C; other builders than Alpine's have a compiler.
RUN command -v cc >/dev/null || apk add --no-cache gcc musl-dev
WORKDIR /src
COPY . .
# The target is named so that build scripts are not linked statically, too.
RUN host=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --bin explore --target "$host" \
    && mkdir /out && cp "target/$host/release/explore" /out/explore

FROM scratch
# Not at the root: where a container begins, `explore:1.2` would mean that file.
COPY --from=build /out/explore /usr/bin/explore
ENTRYPOINT ["/usr/bin/explore"]

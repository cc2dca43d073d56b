#!/bin/sh
# Installs explore: downloads the binary of a release for this machine, checks its SHA-256 sum, and puts it in place.
#
#   curl -fsSL https://github.com/OWNER/explore/releases/latest/download/install.sh | sh
#   curl -fsSL … | sh -s -- --version 0.1.0 --to ~/bin --docker
#
#   --version VERSION   this release instead of the newest
#   --to DIRECTORY      where the binary goes: /usr/local/bin for root, else ~/.local/bin
#   --docker            also make it a plugin: `docker explore IMAGE`
#   --uninstall         remove what this script installs
#
# EXPLORE_MIRROR names a place that has the files of the releases as GitHub has them: MIRROR/download/vVERSION/FILE.
set -eu

repository=https://github.com/OWNER/explore
mirror=${EXPLORE_MIRROR:-$repository/releases}
version=${EXPLORE_VERSION:-}
directory=
docker=
uninstall=

say() { printf '%s\n' "$*" >&2; }
fail() { say "install.sh: $*"; exit 1; }

usage() {
    cat <<'USAGE'
Installs explore. Options: --version VERSION, --to DIRECTORY, --docker (the plugin `docker explore`), --uninstall
USAGE
}

while [ $# -gt 0 ]; do
    case $1 in
        --version) version=${2:?--version needs a version}; shift ;;
        --to) directory=${2:?--to needs a directory}; shift ;;
        --docker) docker=yes ;;
        --uninstall) uninstall=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; fail "\`$1\` is not an option" ;;
    esac
    shift
done

if [ -z "$directory" ]; then
    if [ "$(id -u)" = 0 ]; then directory=/usr/local/bin; else directory=${HOME:?HOME is not set; use --to}/.local/bin; fi
fi
plugins=${DOCKER_CONFIG:-${HOME:-/root}/.docker}/cli-plugins

if [ -n "$uninstall" ]; then
    rm -f "$directory/explore" "$plugins/docker-explore"
    say "removed $directory/explore"
    exit 0
fi

case $(uname -s) in
    Linux) system=unknown-linux-musl ;;
    Darwin) system=apple-darwin ;;
    *) fail "there is no binary for $(uname -s); on Windows use scoop, elsewhere \`cargo install\` (see $repository)" ;;
esac
case $(uname -m) in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) fail "there is no binary for $(uname -m); build it with \`cargo install\` (see $repository)" ;;
esac
# A shell under Rosetta says x86_64 on an Apple chip.
if [ "$system" = apple-darwin ] && [ "$(sysctl -n hw.optional.arm64 2>/dev/null || true)" = 1 ]; then machine=aarch64; fi

if command -v curl >/dev/null 2>&1; then
    fetch() { curl --fail --silent --show-error --location --retry 3 --output "$2" "$1"; }
elif command -v wget >/dev/null 2>&1; then
    fetch() { wget -q -O "$2" "$1"; }
else
    fail "this needs curl or wget"
fi
if command -v sha256sum >/dev/null 2>&1; then
    sum() { sha256sum "$1" | cut -d ' ' -f 1; }
elif command -v shasum >/dev/null 2>&1; then
    sum() { shasum -a 256 "$1" | cut -d ' ' -f 1; }
elif command -v openssl >/dev/null 2>&1; then
    sum() { openssl dgst -sha256 "$1" | sed 's/.* //'; }
else
    fail "this needs sha256sum, shasum or openssl to check what was downloaded"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if [ -n "$version" ]; then from=$mirror/download/v${version#v}; else from=$mirror/latest/download; fi
fetch "$from/SHA256SUMS" "$work/SHA256SUMS" || fail "$from/SHA256SUMS can't be downloaded; is there such a release?"
file=$(sed -n "s/^[0-9a-f]\{64\} [ *]\(explore-[^ ]*-$machine-$system\.tar\.gz\)\$/\1/p" "$work/SHA256SUMS" | head -n 1)
[ -n "$file" ] || fail "the release has no binary for $machine-$system"
expected=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$file\$/\1/p" "$work/SHA256SUMS" | head -n 1)
fetch "$from/$file" "$work/$file" || fail "$from/$file can't be downloaded"
found=$(sum "$work/$file")
[ "$found" = "$expected" ] ||
    fail "$file has the SHA-256 sum $found, and SHA256SUMS says $expected: nothing was installed"

(cd "$work" && gzip -dc "$file" | tar -xf -)
name=${file%.tar.gz}
"$work/$name/explore" --version >/dev/null || fail "the binary does not run on this machine: nothing was installed"
mkdir -p "$directory" || fail "$directory can't be made; choose another one with --to"
# Copied beside its place first: whoever runs the old one now is not disturbed.
if ! { cp "$work/$name/explore" "$directory/.explore.new" && chmod 755 "$directory/.explore.new"; } 2>/dev/null; then
    rm -f "$directory/.explore.new"
    fail "$directory can't be written; choose another one with --to, or use sudo"
fi
mv -f "$directory/.explore.new" "$directory/explore"
say "installed $("$directory/explore" --version) to $directory/explore"

if [ -n "$docker" ]; then
    mkdir -p "$plugins"
    ln -sf "$(cd "$directory" && pwd)/explore" "$plugins/docker-explore"
    say "installed the plugin: docker explore IMAGE"
fi
case :$PATH: in
    *":$directory:"*) ;;
    *) say "$directory is not in PATH; add it: export PATH=\"$directory:\$PATH\"" ;;
esac

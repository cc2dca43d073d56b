{
  description = "See what a container image is made of, layer by layer, and what it wastes";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixpkgs-unstable";

  outputs = { self, nixpkgs }:
    let
      version = "@VERSION@";
      binaries = {
        x86_64-linux = { target = "x86_64-unknown-linux-musl"; sha256 = "@SHA256:x86_64-unknown-linux-musl@"; };
        aarch64-linux = { target = "aarch64-unknown-linux-musl"; sha256 = "@SHA256:aarch64-unknown-linux-musl@"; };
        x86_64-darwin = { target = "x86_64-apple-darwin"; sha256 = "@SHA256:x86_64-apple-darwin@"; };
        aarch64-darwin = { target = "aarch64-apple-darwin"; sha256 = "@SHA256:aarch64-apple-darwin@"; };
      };
      package = system: with nixpkgs.legacyPackages.${system}; stdenvNoCC.mkDerivation {
        pname = "explore";
        inherit version;
        src = fetchurl {
          url = "https://github.com/OWNER/explore/releases/download/v${version}/explore-${version}-${binaries.${system}.target}.tar.gz";
          inherit (binaries.${system}) sha256;
        };
        nativeBuildInputs = [ installShellFiles ];
        installPhase = ''
          install -Dm755 explore $out/bin/explore
          installShellCompletion --bash --name explore completions/explore.bash
          installShellCompletion --zsh completions/_explore
          installShellCompletion --fish completions/explore.fish
          installManPage man/explore.1
          mkdir -p $out/libexec/docker/cli-plugins
          ln -s $out/bin/explore $out/libexec/docker/cli-plugins/docker-explore
        '';
        meta = {
          description = "See what a container image is made of, layer by layer, and what it wastes";
          homepage = "https://github.com/OWNER/explore";
          license = with lib.licenses; [ mit asl20 ];
          mainProgram = "explore";
          platforms = builtins.attrNames binaries;
        };
      };
    in {
      packages = nixpkgs.lib.genAttrs (builtins.attrNames binaries) (system: { default = package system; });
    };
}

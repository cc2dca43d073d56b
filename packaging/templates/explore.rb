# Homebrew: brew install OWNER/tap/explore
class Explore < Formula
  desc "See what a container image is made of, layer by layer, and what it wastes"
  homepage "https://github.com/OWNER/explore"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
      url "https://github.com/OWNER/explore/releases/download/v@VERSION@/explore-@VERSION@-aarch64-apple-darwin.tar.gz"
      sha256 "@SHA256:aarch64-apple-darwin@"
    end
    on_intel do
      url "https://github.com/OWNER/explore/releases/download/v@VERSION@/explore-@VERSION@-x86_64-apple-darwin.tar.gz"
      sha256 "@SHA256:x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/OWNER/explore/releases/download/v@VERSION@/explore-@VERSION@-aarch64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256:aarch64-unknown-linux-musl@"
    end
    on_intel do
      url "https://github.com/OWNER/explore/releases/download/v@VERSION@/explore-@VERSION@-x86_64-unknown-linux-musl.tar.gz"
      sha256 "@SHA256:x86_64-unknown-linux-musl@"
    end
  end

  def install
    bin.install "explore"
    bash_completion.install "completions/explore.bash" => "explore"
    zsh_completion.install "completions/_explore"
    fish_completion.install "completions/explore.fish"
    man1.install "man/explore.1"
    # `docker explore`, when linked into ~/.docker/cli-plugins
    (lib/"docker/cli-plugins").install_symlink bin/"explore" => "docker-explore"
  end

  def caveats
    <<~EOS
      For `docker explore`:
        mkdir -p ~/.docker/cli-plugins
        ln -sfn #{opt_lib}/docker/cli-plugins/docker-explore ~/.docker/cli-plugins/docker-explore
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/explore --version")
  end
end

//! What registries and layouts hold beside images, by media type.

use super::manifest::Manifest;

/// Media types by their beginning, and what they stand for.
const KINDS: [(&str, &str); 22] = [
    ("application/vnd.cncf.helm.", "a Helm chart"),
    ("application/vnd.dev.cosign.simplesigning.", "a cosign signature"),
    ("application/vnd.dev.sigstore.bundle", "a Sigstore bundle"),
    ("application/vnd.cncf.notary.signature", "a Notary signature"),
    ("application/vnd.in-toto+", "an attestation"),
    ("application/vnd.dsse.envelope.", "an attestation"),
    ("application/spdx+", "an SBOM"),
    ("application/vnd.cyclonedx", "an SBOM"),
    ("text/spdx", "an SBOM"),
    ("application/vnd.syft+", "an SBOM"),
    ("application/vnd.wasm.", "a WebAssembly module"),
    ("application/wasm", "a WebAssembly module"),
    ("application/vnd.docker.ai.", "a model"),
    ("application/vnd.cncf.model.", "a model"),
    ("application/vnd.ollama.", "a model"),
    ("application/vnd.docker.plugin.", "a Docker plugin"),
    ("application/vnd.cncf.openpolicyagent.", "a policy bundle"),
    ("application/vnd.cncf.flux.", "a Flux source"),
    ("application/vnd.amazon.soci.", "an index for lazy pulling"),
    ("application/vnd.sylabs.sif.", "a Singularity image"),
    ("application/vnd.devcontainers", "a dev container feature"),
    ("application/vnd.buildkit.cacheconfig.", "a build cache"),
];

/// What a media type stands for, if it is known.
fn kind_of(media_type: &str) -> Option<&'static str> {
    KINDS.iter().find(|(start, _)| media_type.starts_with(start)).map(|(_, kind)| *kind)
}

/// Returns true for the media types of an image's config.
fn is_image_config(media_type: &str) -> bool {
    matches!(media_type, "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json")
}

/// Says what a manifest is that is not an image's: `a Helm chart (application/vnd.cncf.helm.config.v1+json)`. The type of
/// the config decides. Signatures and attestations are stored with that of an image, so their layers are looked at, too.
pub(super) fn artifact(manifest: &Manifest) -> Option<String> {
    if manifest.schema_1 {
        return Some("an image of Docker's old format, schema 1, which engines no longer read; pull and push it with a current one"
            .to_owned());
    }
    let of_layer = manifest.layers.iter().filter_map(|layer| layer.media_type.as_deref());
    let named = |media_type: &str| kind_of(media_type).map(|kind| format!("{kind} ({media_type})"));
    let config =
        manifest.config.as_ref().and_then(|config| config.media_type.as_deref()).filter(|kind| !kind.is_empty());
    let own = manifest.artifact_type.as_deref().filter(|kind| !kind.is_empty());
    match config {
        Some(config) if is_image_config(config) => {
            let layers = of_layer.clone().count();
            // A WebAssembly module in an image's clothes runs like an image.
            let telling = of_layer.filter(|kind| kind_of(kind).is_some_and(|kind| !kind.contains("WebAssembly")));
            let telling: Vec<&str> = telling.collect();
            (layers > 0 && telling.len() == layers).then(|| named(telling[0])).flatten()
        }
        None if manifest.config.is_none() && own.is_none() && manifest.layers.is_empty() => {
            Some("a manifest without config and layers".to_owned())
        }
        None if own.is_none_or(is_image_config) => None,
        config => {
            let types = own.into_iter().chain(config).chain(of_layer);
            let first = own.or(config).unwrap_or("unknown type").to_owned();
            let known = types.map(str::to_owned).find_map(|kind| named(&kind));
            Some(known.unwrap_or_else(|| format!("an artifact ({first})")))
        }
    }
}

/// Why a layer of that media type cannot be read, if it cannot.
pub fn unreadable_layer(media_type: &str) -> Option<&'static str> {
    let kind = media_type.rsplit_once('+').map_or("", |(_, end)| end);
    if kind == "encrypted" {
        return Some("is encrypted, so it cannot be read without its key");
    }
    if media_type.contains(".nydus.") {
        return Some("is a nydus layer, which is not a tar");
    }
    kind_of(media_type).map(|_| "does not hold files")
}

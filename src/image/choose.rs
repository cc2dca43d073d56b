//! The choice between several images, and between platforms of one.

use super::Platform;
use super::build::tags;
use super::candidate::{Candidate, Choice, Face, Parts, Variant};
use super::resolve::{ImageError, Lookup, Request, config_of, missing};
use crate::source::Select;

/// The image that `select` names, or the only one.
pub(super) fn choose(
    lookup: &impl Lookup,
    mut candidates: Vec<Candidate>,
    select: Option<&Select>,
) -> Result<Candidate, ImageError> {
    let rows = |which: &dyn Fn(&Candidate) -> bool| -> Vec<Choice> {
        let apart = candidates.iter().any(|candidate| candidate.face == Face::Saved)
            && candidates.iter().any(|candidate| candidate.face != Face::Saved);
        let all = candidates.iter().enumerate().filter(|(_, candidate)| which(candidate));
        all.map(|(number, candidate)| choice(lookup, number, candidate, apart)).collect()
    };
    let at = match select {
        None if candidates.len() == 1 => 0,
        None => return Err(ImageError::Several(rows(&|_| true))),
        Some(Select::Index(at)) if *at < candidates.len() => *at,
        Some(Select::Index(at)) => return Err(ImageError::NotThere { wanted: format!("@{at}"), has: rows(&|_| true) }),
        Some(Select::Name(name)) => {
            let has = |name: &String| {
                let name = name.clone();
                move |candidate: &Candidate| candidate.names.iter().any(|own| *own == name || full_name(own) == name)
            };
            let wanted = [name.clone(), full_name(name)].into_iter().find(|name| candidates.iter().any(has(name)));
            let wanted = wanted.ok_or_else(|| ImageError::NotThere { wanted: name.clone(), has: rows(&|_| true) })?;
            let is_it = has(&wanted);
            if candidates.iter().filter(|candidate| is_it(candidate)).count() > 1 {
                return Err(ImageError::Several(rows(&is_it)));
            }
            candidates.iter().position(is_it).unwrap_or(0)
        }
    };
    Ok(candidates.swap_remove(at))
}

fn choice(lookup: &impl Lookup, number: usize, candidate: &Candidate, apart: bool) -> Choice {
    let there = || candidate.variants.iter().filter(|variant| variant.is_there());
    let platform = |variant: &Variant| variant.platform.clone().or_else(|| platform_of(lookup, &variant.parts));
    let (mut digest, mut bytes) = (None, None);
    match there().next().map(|variant| &variant.parts) {
        Some(Parts::Oci { digest: own, manifest, .. }) => {
            digest = Some(own.clone());
            bytes = manifest.layers.iter().map(|layer| layer.size).sum::<Option<u64>>();
        }
        Some(Parts::Saved(saved)) => digest = super::build::claimed_by_name(&saved.config),
        _ => {}
    }
    let named_by = match candidate.face {
        Face::Index => Some("index.json"),
        Face::Saved => Some("manifest.json"),
        Face::Both | Face::Legacy => None,
    };
    Choice {
        number,
        names: tags(&candidate.names),
        digest,
        platforms: there().filter_map(platform).collect(),
        bytes,
        named_by: named_by.filter(|_| apart),
    }
}

/// A reference as Docker completes it: `app` is `docker.io/library/app:latest`.
fn full_name(name: &str) -> String {
    let first = name.split('/').next().unwrap_or(name);
    let host = name.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    let name = match (host, name.contains('/')) {
        (true, _) => name.to_owned(),
        (false, true) => format!("docker.io/{name}"),
        (false, false) => format!("docker.io/library/{name}"),
    };
    let last = name.rsplit('/').next().unwrap_or(&name);
    if last.contains([':', '@']) { name } else { format!("{name}:latest") }
}

/// The variant for the platform that is asked for. A note says what else there is.
pub(super) fn choose_platform(
    lookup: &impl Lookup,
    mut variants: Vec<Variant>,
    request: &Request,
) -> Result<(Variant, Option<String>), ImageError> {
    for variant in &mut variants {
        if variant.platform.is_none() {
            variant.platform = platform_of(lookup, &variant.parts);
        }
    }
    match &variants[..] {
        [Variant { parts: Parts::Absent(digest), .. }] => return Err(missing(lookup, "manifest", digest.as_str())),
        [Variant { parts: Parts::Broken(digest, problem), .. }] => {
            return Err(ImageError::Document { name: format!("manifest {digest}"), problem: problem.clone() });
        }
        _ => {}
    }
    let wanted = request.platform.as_ref();
    let machine = request.usual.clone().unwrap_or_else(Platform::machine);
    let rows = || {
        let name = |v: &Variant| v.platform.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let gone = |v: &Variant| match v.parts {
            Parts::Absent(_) => "  (named by the index, not in the archive)",
            Parts::Broken(..) => "  (its manifest can't be understood)",
            _ => "",
        };
        variants.iter().map(|v| format!("{}{}", name(v), gone(v))).collect::<Vec<_>>()
    };
    let asked = wanted.unwrap_or(&machine);
    let there = Variant::is_there;
    let fits = variants.iter().enumerate().filter(|(_, variant)| there(variant));
    let fits = fits.filter_map(|(at, variant)| Some((variant.platform.as_ref()?.fit(asked)?, at)));
    let at = match fits.min().map(|(_, at)| at) {
        Some(at) => at,
        // A document that names no platform at all can't be held to one.
        None => match variants.iter().position(|v| there(v) && v.platform.is_none()) {
            Some(at) => at,
            None if wanted.is_none() && variants.iter().filter(|v| there(v)).count() == 1 => {
                variants.iter().position(there).unwrap_or(0)
            }
            None => return Err(ImageError::NoPlatform { wanted: asked.clone(), has: rows() }),
        },
    };
    let others = variants.len() - 1;
    let note = (others > 0 && wanted.is_none()).then(|| {
        let has = rows().join(", ");
        format!("shown for {}; the image has {has}", variants[at].platform.as_ref().unwrap_or(&machine))
    });
    Ok((variants.swap_remove(at), note))
}

fn platform_of(lookup: &impl Lookup, parts: &Parts) -> Option<Platform> {
    let platform = config_of(lookup, parts)?.platform();
    Some(platform).filter(|platform| platform.architecture != "unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_docker_completes_them() {
        for (name, full) in [
            ("app", "docker.io/library/app:latest"),
            ("me/app:1", "docker.io/me/app:1"),
            ("localhost/app", "localhost/app:latest"),
            ("reg:5000/app", "reg:5000/app:latest"),
            ("docker.io/library/app:1", "docker.io/library/app:1"),
        ] {
            assert_eq!(full_name(name), full);
        }
    }
}

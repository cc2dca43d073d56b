//! The cache of layer indexes.

use std::io::Write as _;
use std::process::ExitCode;

use explore::bytes::shown;
use explore::cli::CacheDo;
use explore::layer::CacheUse;
use explore::report;

use super::failure::Failure;
use super::look::cache;
use super::output::print;

/// Shows, prunes or clears it.
pub(super) fn tend(what: Option<&CacheDo>) -> Result<ExitCode, Failure> {
    let cache = cache().ok_or(Failure::NoCache)?;
    let folder = shown(cache.folder().as_os_str().as_encoded_bytes());
    let words = |used: CacheUse| {
        format!(
            "{} ({}, {})",
            report::bytes(used.bytes),
            report::count(used.layers as u64, "layer"),
            report::count(used.images as u64, "image")
        )
    };
    let failed = |error| Failure::Write { name: folder.clone(), error };
    match *what.unwrap_or(&CacheDo::Show) {
        CacheDo::Show => print(|out| writeln!(out, "{folder}: {}", words(cache.used())))?,
        CacheDo::Prune { max_size, older_than } => {
            let age = older_than.map(|days| std::time::Duration::from_secs(days.saturating_mul(86_400)));
            let gone = cache.prune(max_size, age).map_err(failed)?;
            print(|out| writeln!(out, "removed {}, left {}", words(gone), words(cache.used())))?;
        }
        CacheDo::Clear => {
            let gone = cache.prune(0, None).map_err(failed)?;
            print(|out| writeln!(out, "removed {}", words(gone)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

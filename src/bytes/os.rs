//! Paths of an image as the operating system's paths, and back.
//!
//! A path in an image is bytes. On Unix so is a path of the file system; on Windows it is Unicode, so bytes that are not
//! UTF-8 can't be named there. `OsStr::as_encoded_bytes` is the way back on every system.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::Path;

/// The path that these bytes name. Where paths are Unicode, each invalid sequence becomes U+FFFD.
#[cfg(unix)]
pub fn os_path(path: &[u8]) -> Cow<'_, Path> {
    use std::os::unix::ffi::OsStrExt as _;
    Cow::Borrowed(Path::new(std::ffi::OsStr::from_bytes(path)))
}

/// The path that these bytes name. Where paths are Unicode, each invalid sequence becomes U+FFFD.
#[cfg(not(unix))]
pub fn os_path(path: &[u8]) -> Cow<'_, Path> {
    match String::from_utf8_lossy(path) {
        Cow::Borrowed(text) => Cow::Borrowed(Path::new(text)),
        Cow::Owned(text) => Cow::Owned(text.into()),
    }
}

/// The same for one name, owned.
pub fn os_name(name: &[u8]) -> OsString {
    os_path(name).into_owned().into_os_string()
}

/// A variable that is set to an absolute path.
fn absolute(variable: &str) -> Option<std::path::PathBuf> {
    std::env::var_os(variable).map(std::path::PathBuf::from).filter(|path| path.is_absolute())
}

/// The user's home directory.
fn home() -> Option<std::path::PathBuf> {
    absolute("HOME").or_else(|| if cfg!(windows) { absolute("USERPROFILE") } else { None })
}

/// Where the user's caches are: `XDG_CACHE_HOME`, else `~/.cache`; on Windows `%LOCALAPPDATA%`.
pub fn cache_home() -> Option<std::path::PathBuf> {
    let system = || if cfg!(windows) { absolute("LOCALAPPDATA") } else { None };
    absolute("XDG_CACHE_HOME").or_else(system).or_else(|| Some(home()?.join(".cache")))
}

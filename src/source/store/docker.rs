use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::content::Content;
use crate::source::daemon::{EngineImage, Store};
use crate::source::endpoint::Address;

/// Where a containerd that Docker starts, and one that the system starts, keep the content store.
const BELOW_DOCKER: &str = "containerd/daemon/io.containerd.content.v1.content/blobs";
const OF_THE_SYSTEM: &str = "/var/lib/containerd/io.containerd.content.v1.content/blobs";

/// Docker's own copy of an image's blobs, where this process can read it: on this machine, mostly as root. A blob is named by its
/// digest, so a store that has it is the right one.
pub(in super::super) fn content_of(image: &EngineImage, fetched: &Arc<AtomicU64>) -> Option<Content> {
    if image.facts.store != Store::Manifests {
        return None;
    }
    let Address::Unix(socket) = &image.daemon.endpoint.address else { return None };
    let data = image.daemon.folder()?;
    // An engine in a container or in a root of its own sees other paths.
    let own = listener(socket).map(|process| PathBuf::from(format!("/proc/{process}/root")));
    let roots = [own, Some(PathBuf::from("/"))];
    let folders = roots.into_iter().flatten().flat_map(|root| {
        let below = |path: &str| root.join(path.trim_start_matches('/'));
        [below(&data).join(BELOW_DOCKER), below(OF_THE_SYSTEM)]
    });
    folders.into_iter().find_map(|folder| Content::open(&folder, "docker", &image.facts.id, fetched))
}

/// The process that listens at a socket.
#[cfg(target_os = "linux")]
fn listener(socket: &Path) -> Option<i32> {
    let stream = std::os::unix::net::UnixStream::connect(socket).ok()?;
    let peer = rustix::net::sockopt::socket_peercred(stream).ok()?;
    Some(peer.pid.as_raw_nonzero().get())
}

#[cfg(not(target_os = "linux"))]
fn listener(_: &Path) -> Option<i32> {
    None
}

//! Threads that read images and ask engines, and report to the loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::app::Msg;
use super::jobs::Watch;
use super::pair::{Half, HalfProgress, Pair};
use super::screens::{Choice, Described, EngineList};
use super::text::bytes;
use crate::compare::{CompareOptions, compare};
use crate::image::Platform;
use crate::inspect::{InspectError, Inspection, Options, Progress, inspect};
use crate::report::{count, exact};
use crate::source::registry::{self, Repository};
use crate::source::{Engine, Process, Reference, RegistrySettings, Target};

/// Inspects an image on a thread of its own. A thread that panics ends the screen, too.
pub(super) fn inspect_beside(
    target: Target,
    options: Options,
    number: u32,
    sender: Sender<Msg>,
    stop: Arc<AtomicBool>,
) {
    thread::spawn(move || {
        let _watch = Watch(sender.clone(), "reading the image");
        let send = |msg: Msg| sender.send(Msg::Of(number, Box::new(msg))).is_ok();
        let result = inspect_with(&target, &options, &stop, &mut |msg| send(msg));
        send(match result {
            Ok(found) => Msg::Ready(Box::new(found)),
            Err(error) => Msg::Failed(error),
        });
    });
}

/// Reads two images side by side, then compares them.
pub(super) fn compare_beside(
    targets: [Target; 2],
    options: Options,
    how: CompareOptions,
    number: u32,
    sender: Sender<Msg>,
    stop: Arc<AtomicBool>,
) {
    thread::spawn(move || {
        let _watch = Watch(sender.clone(), "comparing the images");
        let send = |msg: Msg| sender.send(Msg::Of(number, Box::new(msg))).is_ok();
        let read = |place: usize| {
            let half = |progress| send(Msg::Half(Half { place, progress }));
            let found = inspect_with(&targets[place], &options, &stop, &mut |msg| match msg {
                Msg::Image(image) => half(HalfProgress::Image(image)),
                Msg::Progress(text, part) => half(HalfProgress::Reading(text, part)),
                _ => true,
            });
            if let Ok(found) = &found {
                let stored = bytes(found.waste.content_bytes);
                half(HalfProgress::Reading(format!("{stored} read"), Some(1000)));
            }
            found.map(Arc::new)
        };
        let (a, b) = thread::scope(|scope| {
            let other = scope.spawn(|| read(1));
            (read(0), other.join())
        });
        let Ok(b) = b else {
            send(Msg::Broken("a thread that reads an image failed because of a bug in explore".to_owned()));
            return;
        };
        let (before, after) = match (a, b) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(error), _) | (_, Err(error)) => {
                send(Msg::Failed(error));
                return;
            }
        };
        send(Msg::Progress("comparing".to_owned(), None));
        let msg = match compare((&targets[0], &before), (&targets[1], &after), how) {
            Ok(comparison) => Msg::Pair(Box::new(Pair { before, after, places: targets.clone(), comparison })),
            Err(error) => Msg::Refused(error.to_string()),
        };
        send(msg);
    });
}

/// Asks each engine for its images, on a thread of its own: a slow one delays no other.
pub(super) fn list(options: &Options, sender: &Sender<Msg>) {
    for engine in [Engine::Docker, Engine::Podman] {
        let (sender, cache) = (sender.clone(), options.cache.clone());
        let name = engine.name().to_owned();
        let _ = sender.send(Msg::Listed(EngineList { engine: name.clone(), images: None, note: String::new() }));
        thread::spawn(move || {
            let _watch = Watch(sender.clone(), "listing images");
            let images = crate::source::list_of(engine, &Process).map_err(|silent| {
                let silent: Vec<String> = silent.iter().map(ToString::to_string).collect();
                if silent.is_empty() { "not found on this machine".to_owned() } else { silent.join("; ") }
            });
            let images = images.map(|images| {
                let cached = |id: &str| cache.as_ref().is_some_and(|cache| cache.document(id).is_some());
                images
                    .into_iter()
                    .map(|image| {
                        let cached = cached(&image.id);
                        Choice::of_engine(image, cached)
                    })
                    .collect()
            });
            let _ = sender.send(Msg::Listed(EngineList { engine: name, images: Some(images), note: String::new() }));
        });
    }
}

/// Lists the images of an archive.
pub(super) fn list_archive(place: &str, images: &[crate::image::Choice], sender: &Sender<Msg>) {
    let choices = images.iter().map(|image| Choice::of_archive(place, image)).collect();
    let _ = sender.send(Msg::Listed(EngineList {
        engine: place.to_owned(),
        images: Some(Ok(choices)),
        note: String::new(),
    }));
}

/// How long a tag has to stay selected until it is asked for.
const SETTLED: Duration = Duration::from_millis(250);

/// Lists the tags of the repository that the user typed as `place`, and describes those that are sent to it.
pub(super) fn list_tags(
    place: String,
    reference: Reference,
    settings: RegistrySettings,
    sender: Sender<Msg>,
) -> Sender<String> {
    let (wanted, tags) = channel::<String>();
    thread::spawn(move || {
        let _watch = Watch(sender.clone(), "listing tags");
        let say = |images: Option<Result<Vec<Choice>, String>>, note: String| {
            sender.send(Msg::Listed(EngineList { engine: place.clone(), images, note })).is_ok()
        };
        say(None, String::new());
        let client = match registry::client(&settings) {
            Ok(client) => client,
            Err(error) => {
                say(Some(Err(error.to_string())), String::new());
                return;
            }
        };
        let listed = Repository::find(&client, &reference).and_then(|repository| {
            let tags = repository.tags(&mut |tags| say(None, format!("{} tags so far", exact(tags as u64))))?;
            Ok((repository, tags))
        });
        let (repository, found) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                say(Some(Err(error.to_string())), String::new());
                return;
            }
        };
        let folded: Vec<String> = found.folded().map(|(number, what)| count(number as u64, what)).collect();
        let mut note = if folded.is_empty() { String::new() } else { format!("not shown: {}", folded.join(", ")) };
        if found.incomplete {
            note.push_str("; there are more than were read");
        }
        let choices = found.names.iter().rev().map(|tag| Choice::of_tag(&place, tag)).collect();
        say(Some(Ok(choices)), note);
        let machine = Platform::machine().architecture;
        while let Ok(mut tag) = tags.recv() {
            // Who moves on does not want to know.
            while let Ok(next) = tags.recv_timeout(SETTLED) {
                tag = next;
            }
            let facts = repository.describe(&tag, &machine).map_err(|error| error.to_string());
            let limit = client.rate_limit().map(|limit| limit.words());
            if sender.send(Msg::Described(Described { tag, facts, limit })).is_err() {
                return;
            }
        }
    });
    wanted
}

/// Inspects an image, and reports how far it is as messages. `send` says whether anyone still listens.
fn inspect_with(
    target: &Target,
    options: &Options,
    stop: &AtomicBool,
    send: &mut dyn FnMut(Msg) -> bool,
) -> Result<Inspection, InspectError> {
    let started = Instant::now();
    // Layers read, and how many there are.
    let mut layers = (0, 0);
    inspect(target, options, &mut |progress| {
        let msg = match progress {
            Progress::Stacked(so_far) => Msg::Stacked(Box::new(so_far())),
            Progress::Image(image) => {
                layers.1 = image.layers.len();
                Msg::Image(Box::new(image.clone()))
            }
            Progress::Bytes { read, of } => {
                let part = of.filter(|of| *of > 0).map(|of| (read.min(of) as f64 / of as f64 * 1000.0) as u16);
                let rate = rate(read, of, started.elapsed());
                let text = match layers {
                    (0, 0) => rate,
                    (1, 0) => format!("{rate}, 1 layer"),
                    (read, 0) => format!("{rate}, {read} layers"),
                    (read, of) => format!("{rate}, {read} of {of} layers"),
                };
                Msg::Progress(text, part)
            }
            Progress::Layer { layer, bytes } => {
                layers.0 += 1;
                // An archive that passes once says only at its end how many there are.
                let text = match layers {
                    (1, 0) => "1 layer read".to_owned(),
                    (read, 0) => format!("{read} layers read"),
                    (read, of) => format!("{read} of {of} layers read"),
                };
                send(Msg::Progress(text, None));
                Msg::Layer { layer, bytes }
            }
            Progress::Waiting(text) => Msg::Progress(crate::bytes::shown_text(text), None),
            Progress::Comparing { files } => Msg::Progress(format!("comparing {} files", exact(files as u64)), None),
        };
        send(msg) && !stop.load(Ordering::Relaxed)
    })
}

fn rate(read: u64, of: Option<u64>, took: Duration) -> String {
    let speed = read as f64 / took.as_secs_f64().max(0.001);
    let of = of.map(|of| format!(" of {}", bytes(of))).unwrap_or_default();
    format!("reading {}{of}, {}/s", bytes(read), bytes(speed as u64))
}

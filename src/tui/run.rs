//! The loop: waits for a message, takes all that are there, draws once. An idle screen uses no CPU.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::Event;
use thiserror::Error;

use super::app::{App, Effect, Msg, Preferences};
use super::draw::draw;
use super::jobs::Queues;
use super::pair::Pair;
use super::reading;
use super::terminal::{self, Screen};
use crate::compare::CompareOptions;
use crate::image::Platform;
use crate::inspect::{InspectError, Options};
use crate::source::{Reference, Target};

/// How long the screen waits for what was just asked for before it is drawn without it: less than a frame.
const PATIENCE: Duration = Duration::from_millis(10);

/// What ends the screen early.
#[derive(Debug, Error)]
pub enum ScreenError {
    /// The terminal can't be used.
    #[error("the terminal can't be used: {0}; `--summary` needs none")]
    Terminal(#[from] io::Error),
    /// A thread of the program panicked.
    #[error("{0}; its message is above")]
    Broken(String),
}

/// What the screen opens with.
#[derive(Debug)]
pub enum Start {
    /// An image.
    Image(Target),
    /// Two images to compare.
    Pair([Target; 2], CompareOptions),
    /// The images of the container engines, to choose one.
    Picker,
    /// The images of an archive, to choose one: what the user typed, and what is in it.
    Archive(String, Vec<crate::image::Choice>),
    /// The tags of a repository, to choose one: what the user typed, and the repository.
    Tags(String, Reference),
}

/// How the screen ended.
#[derive(Debug)]
pub enum Ended {
    /// The user left.
    Left {
        /// The two images that were compared, where they were read to the end.
        pair: Option<Arc<Pair>>,
    },
    /// An image can't be read.
    Failed(InspectError),
    /// An image can't be opened, or two can't be compared; why.
    Refused(String),
}

/// Opens the screen and stays until the user leaves.
///
/// # Errors
/// When the terminal can't be used, or a thread panics.
pub fn run(start: Start, options: Options, preferences: Preferences) -> Result<Ended, ScreenError> {
    let (sender, messages) = channel();
    // From here on a panic in any thread gives the terminal back before its message is printed.
    let mut screen = Screen::take(preferences.mouse)?;
    let app = match &start {
        Start::Image(target) => App::new(target.typed.clone(), preferences),
        Start::Pair(targets, _) => App::comparing([0, 1].map(|at: usize| targets[at].typed.clone()), preferences),
        Start::Picker | Start::Archive(..) => App::picker(preferences),
        Start::Tags(..) => App::tags(preferences),
    };
    let selected = Arc::new(AtomicUsize::new(0));
    let options = Options { first: Some(Arc::clone(&selected)), ..options };
    let mut session =
        Session { app, options, selected, compare: CompareOptions::default(), sender, open: None, describe: None };
    let ended = session.start(start).and_then(|()| session.serve(&mut screen, &messages));
    // What is half saved is cleaned up.
    session.close();
    let app = session.app;
    let closed = app.closed || ended.as_ref().is_err_and(terminal::says_closed);
    if closed {
        screen.is_gone();
    }
    drop(screen);
    if let Some(signal) = app.signal.or(closed.then_some(terminal::HANGUP)) {
        terminal::end_by(signal);
    }
    ended?;
    if let Some(broken) = app.broken {
        return Err(ScreenError::Broken(broken));
    }
    Ok(match (app.failure, app.refused) {
        (Some(failure), _) => Ended::Failed(failure),
        (_, Some(why)) => Ended::Refused(why),
        _ => Ended::Left { pair: app.pair },
    })
}

/// An image that is open, or two: the threads that work on it.
struct Open {
    stop: Arc<AtomicBool>,
    queues: Queues,
}

/// The state, and what works for it.
struct Session {
    app: App,
    options: Options,
    /// The layer that the cursor is on, for those that read.
    selected: Arc<AtomicUsize>,
    compare: CompareOptions,
    sender: Sender<Msg>,
    open: Option<Open>,
    /// Tags of the list that are asked for.
    describe: Option<Sender<String>>,
}

impl Session {
    fn start(&mut self, start: Start) -> io::Result<()> {
        terminal::listen(&self.sender)?;
        match start {
            Start::Image(target) => self.open(target, None, 0),
            Start::Pair(targets, compare) => {
                self.compare = compare;
                self.open_pair(targets, 0);
            }
            Start::Picker => reading::list(&self.options, &self.sender),
            Start::Archive(place, images) => reading::list_archive(&place, &images, &self.sender),
            Start::Tags(place, reference) => {
                let settings = self.options.access.registry.clone();
                self.describe = Some(reading::list_tags(place, reference, settings, self.sender.clone()));
            }
        }
        Ok(())
    }

    fn open(&mut self, target: Target, platform: Option<&str>, number: u32) {
        self.close();
        let stop = Arc::new(AtomicBool::new(false));
        let queues = Queues::start(Some(&target), &self.sender);
        let platform = platform.and_then(Platform::parse).or_else(|| self.options.platform.clone());
        let options = Options { platform, ..self.options.clone() };
        reading::inspect_beside(target, options, number, self.sender.clone(), Arc::clone(&stop));
        self.open = Some(Open { stop, queues });
    }

    fn open_pair(&mut self, targets: [Target; 2], number: u32) {
        self.close();
        let stop = Arc::new(AtomicBool::new(false));
        let queues = Queues::start(None, &self.sender);
        let options = self.options.clone();
        reading::compare_beside(targets, options, self.compare, number, self.sender.clone(), Arc::clone(&stop));
        self.open = Some(Open { stop, queues });
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.stop.store(true, Ordering::Relaxed);
            open.queues.end();
        }
    }

    fn serve(&mut self, screen: &mut Screen, messages: &Receiver<Msg>) -> io::Result<()> {
        let (width, height) = screen.size()?;
        self.app.update(Msg::Terminal(Event::Resize(width, height)));
        loop {
            screen.draw(|frame| draw(&self.app, frame))?;
            let Ok(first) = messages.recv() else { return Ok(()) };
            let mut next = Some(first);
            let mut patience = Instant::now() + PATIENCE;
            while let Some(msg) = next {
                for effect in self.app.update(msg) {
                    match effect {
                        Effect::Quit => return Ok(()),
                        Effect::Suspend => {
                            screen.suspend(self.app.mouse)?;
                            let (width, height) = screen.size()?;
                            self.app.update(Msg::Terminal(Event::Resize(width, height)));
                        }
                        Effect::Work(job) => {
                            if let Some(open) = &mut self.open {
                                open.queues.post(job);
                            }
                            patience = Instant::now() + PATIENCE;
                        }
                        Effect::Copy(text) => {
                            crossterm::execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))?;
                        }
                        Effect::Mouse(on) => terminal::set_mouse(on)?,
                        Effect::Open(name, platform, number) => match Target::parse(OsStr::new(&name)) {
                            Ok(target) => self.open(target, platform.as_deref(), number),
                            Err(error) => self.refuse(error.to_string()),
                        },
                        Effect::OpenPair(names, number) => {
                            match (Target::parse(OsStr::new(&names[0])), Target::parse(OsStr::new(&names[1]))) {
                                (Ok(a), Ok(b)) => self.open_pair([a, b], number),
                                (Err(error), _) | (_, Err(error)) => self.refuse(error.to_string()),
                            }
                        }
                        Effect::Describe(tag) => {
                            if let Some(describe) = &self.describe {
                                let _ = describe.send(tag);
                            }
                        }
                        Effect::Stop => self.close(),
                    }
                }
                self.selected.store(self.app.selected_layer(), Ordering::Relaxed);
                next = messages.try_recv().ok();
                // What comes within the frame is drawn with it, so that nothing flickers.
                if next.is_none() && self.app.is_waiting() {
                    let left = patience.saturating_duration_since(Instant::now());
                    next = messages.recv_timeout(left).ok();
                }
            }
        }
    }

    fn refuse(&mut self, why: String) {
        let _ = self.sender.send(Msg::Refused(why));
    }
}

//! The loop: waits for a message, takes all that are there, draws once. Idle it uses no CPU.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event};
use crossterm::terminal::{Clear, ClearType};
use ratatui::DefaultTerminal;
use thiserror::Error;

use super::app::{App, Effect, Look, Msg};
use super::pair::Pair;
use super::view::draw;
use super::work::{Desk, Job, Lane, Watch};
use crate::inspect::{InspectError, Options, Progress, inspect};
use crate::report::{bytes, exact};
use crate::source::Target;

/// How long the screen waits for what was just asked for before it is drawn without it: less than a frame.
const PATIENCE: Duration = Duration::from_millis(10);

/// What ends the screen early.
#[derive(Debug, Error)]
pub enum ScreenError {
    /// The terminal can't be used.
    #[error("the terminal can't be used: {0}; `--summary` needs none")]
    Terminal(#[from] io::Error),
    /// A thread of the program broke.
    #[error("{0}; what it said stands above")]
    Broken(String),
}

/// A thread has panicked, and the terminal was given back: nothing may be drawn any more.
static GIVEN_BACK: AtomicBool = AtomicBool::new(false);

/// Opens the screen and stays until the user leaves. Returns what kept the image from being shown.
///
/// # Errors
/// When the terminal can't be used, or a thread breaks.
pub fn run(target: Target, options: Options, look: Look) -> Result<Option<InspectError>, ScreenError> {
    on_screen(&target.clone(), look, |sender, stop| inspect_beside(target, options, sender, stop))
}

/// Opens the screen on two images that were read and held against each other.
///
/// # Errors
/// When the terminal can't be used, or a thread breaks.
pub fn run_pair(pair: Pair, look: Look) -> Result<(), ScreenError> {
    on_screen(&pair.places[1].clone(), look, |sender, _| {
        let _ = sender.send(Msg::Pair(Box::new(pair)));
    })
    .map(|_| ())
}

fn on_screen(
    target: &Target,
    look: Look,
    begin: impl FnOnce(Sender<Msg>, Arc<AtomicBool>),
) -> Result<Option<InspectError>, ScreenError> {
    let (sender, messages) = channel();
    let stop = Arc::new(AtomicBool::new(false));
    // From here on a panic in any thread gives the terminal back before it is told.
    let mut terminal = ratatui::try_init()?;
    let mouse = look.mouse;
    let mut app = App::new(target.typed.clone(), look);
    let ended = Held::take(mouse).and_then(|_held| {
        listen(&sender)?;
        let mut lanes = Lanes::start(target, &sender);
        begin(sender, Arc::clone(&stop));
        let ended = serve(&mut terminal, &mut app, &messages, &mut lanes);
        stop.store(true, Ordering::Relaxed);
        // What is half saved is taken back.
        lanes.save.end();
        ended
    });
    // tmux keeps rows of this screen in the other one when it grew meanwhile; empty ones do not show. A terminal that is
    // gone needs none of it. After a panic it was given back already, and to do so again would write over what it said.
    if app.broken.is_none() {
        let _ = crossterm::execute!(io::stdout(), Clear(ClearType::All));
        ratatui::try_restore()?;
    }
    ended?;
    if let Some(broken) = app.broken {
        return Err(ScreenError::Broken(broken));
    }
    Ok(app.failure)
}

/// What is asked of the terminal beside the screen: the mouse, and pasted text in one piece. Given back when it goes, and
/// before a panic is told.
struct Held;

impl Held {
    fn take(mouse: bool) -> io::Result<Self> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            GIVEN_BACK.store(true, Ordering::Relaxed);
            Self::give_back();
            before(info);
        }));
        crossterm::execute!(io::stdout(), EnableBracketedPaste)?;
        if mouse {
            crossterm::execute!(io::stdout(), EnableMouseCapture)?;
        }
        Ok(Self)
    }

    fn give_back() {
        let _ = crossterm::execute!(io::stdout(), DisableMouseCapture, DisableBracketedPaste);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        Self::give_back();
    }
}

/// Threads for what may take long, so that nothing waits for something of another kind.
struct Lanes {
    view: Lane,
    map: Lane,
    jump: Lane,
    read: Lane,
    save: Lane,
}

impl Lanes {
    fn start(target: &Target, answers: &Sender<Msg>) -> Self {
        let lane = |ahead| Lane::start(Desk::new(target.clone()), ahead, answers.clone());
        // Layers are looked at one by one; sums for the others are made once they are asked for.
        Self { view: lane(true), map: lane(false), jump: lane(false), read: lane(false), save: lane(false) }
    }

    fn post(&mut self, job: Job) {
        match job {
            Job::View(..) => self.view.post(job),
            Job::Map(..) => self.map.post(job),
            Job::Jump(..) => self.jump.post(job),
            Job::Read(..) => self.read.post(job),
            Job::Save(..) => self.save.post(job),
        }
    }
}

fn serve(terminal: &mut DefaultTerminal, app: &mut App, messages: &Receiver<Msg>, lanes: &mut Lanes) -> io::Result<()> {
    let size = terminal.size()?;
    app.update(Msg::Terminal(Event::Resize(size.width, size.height)));
    loop {
        if !GIVEN_BACK.load(Ordering::Relaxed) {
            terminal.draw(|frame| draw(app, frame))?;
        }
        let Ok(first) = messages.recv() else { return Ok(()) };
        let mut next = Some(first);
        let mut patience = Instant::now() + PATIENCE;
        while let Some(msg) = next {
            for effect in app.update(msg) {
                match effect {
                    Effect::Quit => return Ok(()),
                    Effect::Suspend => suspend(terminal, app)?,
                    Effect::Work(job) => {
                        lanes.post(job);
                        patience = Instant::now() + PATIENCE;
                    }
                    Effect::Copy(text) => crossterm::execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text))?,
                    Effect::Mouse(true) => crossterm::execute!(io::stdout(), EnableMouseCapture)?,
                    Effect::Mouse(false) => crossterm::execute!(io::stdout(), DisableMouseCapture)?,
                }
            }
            next = messages.try_recv().ok();
            // What comes within the frame is drawn with it, so that nothing flickers.
            if next.is_none() && app.is_waiting() {
                let left = patience.saturating_duration_since(Instant::now());
                next = messages.recv_timeout(left).ok();
            }
        }
    }
}

/// Signals that ask the program to end.
#[cfg(unix)]
pub(super) const SIGNALS: [i32; 3] =
    [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP];

/// Reads keys and signals on threads of their own, which end with the program.
fn listen(sender: &Sender<Msg>) -> io::Result<()> {
    let keys = sender.clone();
    thread::spawn(move || {
        let _watch = Watch(keys.clone(), "reading keys");
        loop {
            // An error means that the terminal is gone.
            let (msg, last) =
                crossterm::event::read().map_or((Msg::Terminate, true), |event| (Msg::Terminal(event), false));
            if keys.send(msg).is_err() || last {
                return;
            }
        }
    });
    #[cfg(unix)]
    {
        // Who can't wait until everything is tidied up asks twice.
        let asked = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS {
            signal_hook::flag::register_conditional_shutdown(signal, 2, Arc::clone(&asked))?;
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        let mut signals = signal_hook::iterator::Signals::new(SIGNALS)?;
        let sender = sender.clone();
        thread::spawn(move || {
            let _watch = Watch(sender.clone(), "waiting for signals");
            if signals.forever().next().is_some() {
                let _ = sender.send(Msg::Terminate);
            }
        });
    }
    Ok(())
}

/// Inspects on a thread of its own. A thread that breaks ends the screen too.
fn inspect_beside(target: Target, options: Options, sender: Sender<Msg>, stop: Arc<AtomicBool>) {
    let started = Instant::now();
    thread::spawn(move || {
        let _watch = Watch(sender.clone(), "reading the image");
        // Read, and there are.
        let mut layers = (0, 0);
        let result = inspect(&target, &options, &mut |progress| {
            let told = match progress {
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
                    // Of an archive that passes once it is not known how many there are.
                    let text = match layers {
                        (1, 0) => "1 layer read".to_owned(),
                        (read, 0) => format!("{read} layers read"),
                        (read, of) => format!("{read} of {of} layers read"),
                    };
                    let _ = sender.send(Msg::Progress(text, None));
                    Msg::Layer { layer, bytes }
                }
                Progress::Waiting(text) => Msg::Progress(crate::bytes::shown_text(text), None),
                Progress::Comparing { files } => {
                    Msg::Progress(format!("comparing {} files", exact(files as u64)), None)
                }
            };
            sender.send(told).is_ok() && !stop.load(Ordering::Relaxed)
        });
        let _ = sender.send(match result {
            Ok(found) => Msg::Ready(Box::new(found)),
            Err(error) => Msg::Failed(error),
        });
    });
}

fn rate(read: u64, of: Option<u64>, took: Duration) -> String {
    let speed = read as f64 / took.as_secs_f64().max(0.001);
    let of = of.map(|of| format!(" of {}", bytes(of))).unwrap_or_default();
    format!("reading {}{of}, {}/s", bytes(read), bytes(speed as u64))
}

/// Gives the terminal back, stops, and takes it again when continued.
fn suspend(terminal: &mut DefaultTerminal, app: &mut App) -> io::Result<()> {
    #[cfg(unix)]
    {
        terminal.show_cursor()?;
        Held::give_back();
        ratatui::try_restore()?;
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        *terminal = ratatui::try_init()?;
        crossterm::execute!(io::stdout(), EnableBracketedPaste)?;
        if app.mouse {
            crossterm::execute!(io::stdout(), EnableMouseCapture)?;
        }
        let size = terminal.size()?;
        app.update(Msg::Terminal(Event::Resize(size.width, size.height)));
    }
    #[cfg(not(unix))]
    let _ = (terminal, app);
    Ok(())
}

//! The loop: waits for a message, takes all that are there, draws once. Idle it uses no CPU.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::terminal::{Clear, ClearType};
use ratatui::DefaultTerminal;

use super::app::{App, Effect, Msg};
use super::theme::Theme;
use super::view::draw;
use crate::inspect::{InspectError, Options, Progress, inspect};
use crate::report::{bytes, exact};
use crate::source::Target;

/// Opens the screen and stays until the user leaves. Returns what kept the image from being shown.
///
/// # Errors
/// When the terminal can't be used.
pub fn run(target: Target, options: Options) -> io::Result<Option<InspectError>> {
    let (sender, messages) = channel();
    let stop = Arc::new(AtomicBool::new(false));
    // From here on a panic in any thread gives the terminal back before it is told.
    let mut terminal = ratatui::try_init()?;
    let mut app = App::new(target.typed.clone(), Theme::from_environment());
    listen(&sender)?;
    look(target, options, sender, Arc::clone(&stop));
    let ended = serve(&mut terminal, &mut app, &messages);
    stop.store(true, Ordering::Relaxed);
    // tmux keeps rows of this screen in the other one when it grew meanwhile; empty ones do not show. A terminal that is
    // gone needs none of it.
    let _ = crossterm::execute!(io::stdout(), Clear(ClearType::All));
    ratatui::try_restore()?;
    ended?;
    if let Some(broken) = app.broken {
        return Err(io::Error::other(broken));
    }
    Ok(app.failure)
}

fn serve(terminal: &mut DefaultTerminal, app: &mut App, messages: &Receiver<Msg>) -> io::Result<()> {
    let size = terminal.size()?;
    app.update(Msg::Terminal(crossterm::event::Event::Resize(size.width, size.height)));
    loop {
        terminal.draw(|frame| draw(app, frame))?;
        let Ok(first) = messages.recv() else { return Ok(()) };
        let mut next = Some(first);
        while let Some(msg) = next {
            match app.update(msg) {
                Some(Effect::Quit) => return Ok(()),
                Some(Effect::Suspend) => suspend(terminal, app)?,
                None => {}
            }
            next = messages.try_recv().ok();
        }
    }
}

/// Reads keys and signals on threads of their own, which end with the program.
fn listen(sender: &Sender<Msg>) -> io::Result<()> {
    let keys = sender.clone();
    thread::spawn(move || {
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
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let sender = sender.clone();
        thread::spawn(move || {
            if signals.forever().next().is_some() {
                let _ = sender.send(Msg::Terminate);
            }
        });
    }
    Ok(())
}

/// Inspects on a thread of its own. A thread that breaks ends the screen too.
fn look(target: Target, options: Options, sender: Sender<Msg>, stop: Arc<AtomicBool>) {
    let started = Instant::now();
    let tell = sender.clone();
    let worker = thread::spawn(move || {
        // Read, and there are.
        let mut layers = (0, 0);
        let result = inspect(&target, &options, &mut |progress| {
            let msg = match progress {
                Progress::Stacked(so_far) => Msg::Stacked(Box::new(so_far())),
                Progress::Image(image) => {
                    layers.1 = image.layers.len();
                    Msg::Image(Box::new(image.clone()))
                }
                Progress::Bytes { read, of } => {
                    let rate = rate(read, of, started.elapsed());
                    Msg::Progress(if layers.1 == 0 {
                        rate
                    } else {
                        format!("{rate}, {} of {} layers", layers.0, layers.1)
                    })
                }
                Progress::Layer { .. } => {
                    layers.0 += 1;
                    Msg::Progress(format!("{} of {} layers", layers.0, layers.1.max(layers.0)))
                }
                Progress::Waiting(text) => Msg::Progress(crate::bytes::shown_text(text)),
                Progress::Comparing { files } => Msg::Progress(format!("comparing {} files", exact(files as u64))),
            };
            tell.send(msg).is_ok() && !stop.load(Ordering::Relaxed)
        });
        let _ = tell.send(match result {
            Ok(found) => Msg::Ready(Box::new(found)),
            Err(error) => Msg::Failed(error),
        });
    });
    thread::spawn(move || {
        if worker.join().is_err() {
            let _ = sender.send(Msg::Broken("reading the image broke off by a fault of the program".to_owned()));
        }
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
        ratatui::try_restore()?;
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        *terminal = ratatui::try_init()?;
        let size = terminal.size()?;
        app.update(Msg::Terminal(crossterm::event::Event::Resize(size.width, size.height)));
    }
    #[cfg(not(unix))]
    let _ = (terminal, app);
    Ok(())
}

//! The terminal: taken when the screen opens, given back whatever ends it.

use std::cell::Cell;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::{DefaultTerminal, Frame, Terminal};

use super::app::Msg;
use super::jobs::Watch;

/// A thread has panicked and the terminal was given back: nothing may be drawn any more.
static GIVEN_BACK: AtomicBool = AtomicBool::new(false);

/// Held while a frame is written, so that a panic in another thread gives the terminal back after it and not within it.
static FRAME: Mutex<()> = Mutex::new(());

thread_local! {
    /// Whether this thread holds [`FRAME`]: if it panics, its panic hook must not wait for itself.
    static DRAWING: Cell<bool> = const { Cell::new(false) };
}

/// The terminal in raw mode, on its alternate screen. Dropping it gives the terminal back, as does a panic in any thread,
/// before the panic's message is printed.
pub(super) struct Screen {
    /// None when the terminal was closed: nothing can be given back.
    terminal: Option<DefaultTerminal>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When the terminal can't be used.
    pub(super) fn take(mouse: bool) -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let _frame = (!DRAWING.get()).then(|| FRAME.lock().unwrap_or_else(PoisonError::into_inner));
            GIVEN_BACK.store(true, Ordering::Relaxed);
            release();
            before(info);
        }));
        let screen = Self { terminal: Some(terminal) };
        capture(mouse)?;
        Ok(screen)
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> io::Result<(u16, u16)> {
        crossterm::terminal::size()
    }

    /// Draws a frame. Terminals that know synchronized updates (CSI ? 2026) show it in one piece.
    pub(super) fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let _frame = FRAME.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(terminal) = self.terminal.as_mut().filter(|_| !GIVEN_BACK.load(Ordering::Relaxed)) else {
            return Ok(());
        };
        DRAWING.set(true);
        let drawn =
            crossterm::queue!(io::stdout(), BeginSynchronizedUpdate).and_then(|()| terminal.draw(render).map(|_| ()));
        let ended = crossterm::execute!(io::stdout(), EndSynchronizedUpdate);
        DRAWING.set(false);
        drawn.and(ended)
    }

    /// Nothing is written to the terminal any more, since there is none.
    pub(super) fn is_gone(&mut self) {
        // Dropped, it would print that it can't show the cursor, and printing to a closed terminal panics.
        std::mem::forget(self.terminal.take());
    }

    /// Gives the terminal back, stops the program, and takes the terminal again when it is continued.
    pub(super) fn suspend(&mut self, mouse: bool) -> io::Result<()> {
        #[cfg(unix)]
        {
            if let Some(terminal) = &mut self.terminal {
                terminal.show_cursor()?;
            }
            release();
            ratatui::try_restore()?;
            signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
            self.terminal = Some(ratatui::try_init()?);
            capture(mouse)?;
        }
        #[cfg(not(unix))]
        let _ = mouse;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After a panic it was given back already; to do so again would write over the panic's message.
        if GIVEN_BACK.load(Ordering::Relaxed) || thread::panicking() {
            return self.is_gone();
        }
        if self.terminal.is_none() {
            return;
        }
        // When its window grew, tmux shows rows of this screen in the other one; empty ones do not show.
        let _ = crossterm::execute!(io::stdout(), Clear(ClearType::All));
        release();
        let shown = self.terminal.as_mut().map(Terminal::show_cursor);
        if !matches!(shown, Some(Ok(()))) {
            self.is_gone();
        }
        let _ = ratatui::try_restore();
    }
}

/// Asks for pasted text in one piece, and for the mouse.
fn capture(mouse: bool) -> io::Result<()> {
    crossterm::execute!(io::stdout(), EnableBracketedPaste)?;
    if mouse {
        crossterm::execute!(io::stdout(), EnableMouseCapture)?;
    }
    Ok(())
}

fn release() {
    let _ = crossterm::execute!(
        io::stdout(),
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        crossterm::cursor::Show
    );
    let _ = io::stdout().flush();
}

/// Captures the mouse, or releases it.
pub(super) fn set_mouse(on: bool) -> io::Result<()> {
    if on {
        crossterm::execute!(io::stdout(), EnableMouseCapture)
    } else {
        crossterm::execute!(io::stdout(), DisableMouseCapture)
    }
}

/// SIGHUP, which a closed terminal means.
pub(super) const HANGUP: i32 = 1;

/// Whether an error of the terminal means that it was closed.
pub(super) fn says_closed(error: &io::Error) -> bool {
    // EIO: the other end of the pseudo-terminal is gone.
    error.raw_os_error() == Some(5) || error.kind() == io::ErrorKind::BrokenPipe
}

/// Signals that ask the program to end.
#[cfg(unix)]
const SIGNALS: [i32; 4] = [
    signal_hook::consts::SIGTERM,
    signal_hook::consts::SIGINT,
    signal_hook::consts::SIGHUP,
    signal_hook::consts::SIGQUIT,
];

/// Reads keys and signals on threads of their own, which end with the program.
pub(super) fn listen(sender: &Sender<Msg>) -> io::Result<()> {
    let keys = sender.clone();
    thread::spawn(move || {
        let _watch = Watch(keys.clone(), "reading keys");
        loop {
            // An error means that the terminal was closed.
            let (msg, last) =
                crossterm::event::read().map_or((Msg::Hangup, true), |event| (Msg::Terminal(event), false));
            if keys.send(msg).is_err() || last {
                return;
            }
        }
    });
    #[cfg(unix)]
    {
        // A second signal ends the program at once, whatever still has to be cleaned up.
        let asked = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS {
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            signal_hook::flag::register(signal, Arc::clone(&asked))?;
        }
        let mut signals = signal_hook::iterator::Signals::new(SIGNALS)?;
        let sender = sender.clone();
        thread::spawn(move || {
            let _watch = Watch(sender.clone(), "waiting for signals");
            if let Some(signal) = signals.forever().next() {
                let _ = sender.send(Msg::Terminate(signal));
            }
        });
    }
    Ok(())
}

/// Ends the program as the signal would have without a handler, so that the parent sees which one it was.
pub(super) fn end_by(signal: i32) {
    #[cfg(unix)]
    let _ = signal_hook::low_level::emulate_default_handler(signal);
    std::process::exit(128 + signal);
}

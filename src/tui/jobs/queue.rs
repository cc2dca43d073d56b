use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use super::worker::Worker;
use super::{Job, QUEUES};
use crate::source::Target;
use crate::tui::app::Msg;

/// One thread for each kind of work, so that nothing waits for work of another kind.
#[derive(Debug)]
pub(in crate::tui) struct Queues([Queue; QUEUES]);

impl Queues {
    /// Starts the threads for an image that is read from there.
    pub(in crate::tui) fn start(target: Option<&Target>, answers: &Sender<Msg>) -> Self {
        let mut ahead = true;
        Self(Worker::for_queues(target).map(|worker| {
            // Layers are looked at one by one: the next one's rows should come at once.
            Queue::start(worker, std::mem::take(&mut ahead), answers.clone())
        }))
    }

    pub(in crate::tui) fn post(&mut self, job: Job) {
        self.0[job.queue()].post(job);
    }

    /// Cancels what is being done, and waits until nothing is left of what was being saved.
    pub(in crate::tui) fn end(self) {
        let mut queues = self.0;
        for queue in &mut queues {
            queue.current.store(true, Ordering::Relaxed);
        }
        let [.., save] = queues;
        save.end();
    }
}

/// A thread with a worker. A new job cancels the one before it, unless that one saves something.
#[derive(Debug)]
struct Queue {
    jobs: Sender<(Job, Arc<AtomicBool>)>,
    current: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Queue {
    /// Starts a thread, which ends when nobody can send it jobs any more. With `ahead` it adds up layers while it is idle.
    fn start(worker: Worker, ahead: bool, answers: Sender<Msg>) -> Self {
        let (jobs, waiting) = channel();
        let thread = thread::spawn(move || serve(worker, ahead, &waiting, &answers));
        Self { jobs, current: Arc::default(), thread }
    }

    /// Cancels the current job, and waits until it has cleaned up.
    fn end(self) {
        self.current.store(true, Ordering::Relaxed);
        drop(self.jobs);
        let _ = self.thread.join();
    }

    fn post(&mut self, job: Job) {
        if !job.work.outlives_newer() {
            self.current.store(true, Ordering::Relaxed);
            self.current = Arc::default();
        }
        // A thread that panicked has said so.
        let _ = self.jobs.send((job, Arc::clone(&self.current)));
    }
}

fn serve(mut worker: Worker, ahead: bool, waiting: &Receiver<(Job, Arc<AtomicBool>)>, answers: &Sender<Msg>) {
    let _watch = Watch(answers.clone(), "a thread of the screen");
    loop {
        let next = match waiting.try_recv() {
            Err(TryRecvError::Empty) if ahead && worker.get_ahead() => continue,
            Err(TryRecvError::Empty) => waiting.recv().ok(),
            other => other.ok(),
        };
        let Some((job, stop)) = next else { return };
        if stop.load(Ordering::Relaxed) && !job.work.outlives_newer() {
            continue;
        }
        if let Some(answer) = worker.perform(job, &stop)
            && answers.send(answer).is_err()
        {
            return;
        }
    }
}

/// Sends a message when its thread panics.
pub(in crate::tui) struct Watch(pub(in crate::tui) Sender<Msg>, pub(in crate::tui) &'static str);

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Msg::Broken(format!("{} failed because of a bug in explore", self.1)));
        }
    }
}

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

/// A reader that breaks off as soon as someone says so, with an error that is none of the bytes'.
#[derive(Debug)]
pub struct Stopping<'s, R> {
    reader: R,
    stop: &'s AtomicBool,
}

impl<'s, R> Stopping<'s, R> {
    /// Reads `reader` while `stop` is false.
    pub fn new(reader: R, stop: &'s AtomicBool) -> Self {
        Self { reader, stop }
    }
}

impl<R: Read> Read for Stopping<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "stopped"));
        }
        self.reader.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_until_it_is_stopped() {
        let stop = AtomicBool::new(false);
        let mut reader = Stopping::new(io::repeat(7), &stop);
        let mut bytes = [0; 4];
        assert_eq!((reader.read(&mut bytes).ok(), bytes), (Some(4), [7; 4]));
        stop.store(true, Ordering::Relaxed);
        assert_eq!(reader.read(&mut bytes).map_err(|error| error.to_string()), Err("stopped".to_owned()));
    }
}

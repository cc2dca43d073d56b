//! One way to do the same work with many items on several threads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Calls `work` with steps of `step` numbers below `count`, on at most `threads` threads. Returns the results in the order of the
/// numbers, or `None` if `stop` was set.
///
/// # Errors
/// The first error of any step.
pub(crate) fn map_in_parallel<R: Send, E: Send>(
    count: usize,
    step: usize,
    threads: usize,
    stop: &AtomicBool,
    work: impl Fn(Range<usize>) -> Result<R, E> + Sync,
) -> Result<Option<Vec<R>>, E> {
    let next = AtomicUsize::new(0);
    let share = || -> Result<Vec<(usize, R)>, E> {
        let mut done = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let from = next.fetch_add(step, Ordering::Relaxed);
            if from >= count {
                break;
            }
            match work(from..count.min(from + step)) {
                Ok(result) => done.push((from, result)),
                Err(error) => {
                    // Nobody needs what the others would find.
                    next.store(count, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(done)
    };
    let mut all = Vec::new();
    let ended = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(count.div_ceil(step))).map(|_| scope.spawn(share)).collect();
        let mut ended = true;
        for worker in workers {
            match worker.join() {
                Ok(done) => all.extend(done?),
                Err(_) => ended = false,
            }
        }
        Ok(ended)
    })?;
    if !ended || stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    all.sort_unstable_by_key(|(from, _)| *from);
    Ok(Some(all.into_iter().map(|(_, result)| result).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_the_first_error_ends_it() {
        let stop = AtomicBool::new(false);
        let sums = map_in_parallel(1000, 7, 4, &stop, |step| Ok::<_, ()>(step.sum::<usize>()));
        assert_eq!(sums.map(|sums| sums.map(|sums| (sums[0], sums.iter().sum::<usize>()))), Ok(Some((21, 499_500))));
        let failed = map_in_parallel(1000, 7, 4, &stop, |step| if step.contains(&500) { Err("no") } else { Ok(()) });
        assert_eq!(failed, Err("no"));
        stop.store(true, Ordering::Relaxed);
        assert_eq!(map_in_parallel(1000, 7, 4, &stop, |_| Ok::<_, ()>(())), Ok(None));
    }
}

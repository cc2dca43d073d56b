//! Archives that were damaged, held against limits that the undamaged image fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use explore::gate::{Bounds, Gate, Limits};
use explore::inspect::{Inspection, Options, inspect};
use explore::source::Target;

use super::{Numbers, is_long};
use crate::common::{
    Entry, ImageBuilder, Shape, archive, dir, file, folder, gone, gzip, hardlink, image, symlink, zstd,
};

/// Content that does not compress away.
fn noise(numbers: &mut Numbers, bytes: usize) -> Vec<u8> {
    (0..bytes).map(|_| (numbers.next() % 64) as u8 + 32).collect()
}

/// Three images whose waste is found in three ways: deleted, rewritten, and named by a rule.
fn images() -> [ImageBuilder; 3] {
    let mut numbers = Numbers(1);
    let big = noise(&mut numbers, 30_000);
    let files = |from: usize, numbers: &mut Numbers| -> Vec<Entry> {
        (from..from + 12).map(|n| file(format!("usr/share/f{n}"), noise(numbers, 600))).collect()
    };
    let mut base = vec![dir("usr"), dir("usr/share"), file("usr/big", &big)];
    base.extend(files(0, &mut numbers));
    let deleted = image().layer(base.clone()).layer([gone("usr/big")]).layer(files(20, &mut numbers));
    let chmod = base.iter().map(|entry| entry.clone().mode(0o755)).collect::<Vec<_>>();
    let rewritten = image().layer(base).layer(chmod).layer([symlink("bin", "usr/bin"), hardlink("h", "usr/big")]);
    let mut cached = vec![dir("var/cache/apt/archives"), file("var/cache/apt/archives/a.deb", &big)];
    cached.extend(files(40, &mut numbers));
    let named = image().layer(files(60, &mut numbers)).layer(cached);
    [deleted, rewritten, named]
}

/// What is done to an archive.
#[derive(Debug, Clone, Copy)]
enum Harm {
    Cut,
    Flip,
    ZeroBlock,
    ZeroTwoBlocks,
    Swap,
    Lose,
    Repeat,
}

const HARMS: [Harm; 7] =
    [Harm::Cut, Harm::Flip, Harm::ZeroBlock, Harm::ZeroTwoBlocks, Harm::Swap, Harm::Lose, Harm::Repeat];

/// A damaged archive, and whether only digests can show the damage: bytes of equal length stand where others stood.
fn harm(harm: Harm, built: &ImageBuilder, shape: Shape, numbers: &mut Numbers) -> (Vec<u8>, bool) {
    let mut members = built.members(shape);
    let layers: Vec<usize> = (0..members.len()).filter(|at| members[*at].1.len() > 2000).collect();
    match harm {
        Harm::Swap => {
            let (a, b) = (layers[0], layers[1 + numbers.below(layers.len() - 1)]);
            let other = members[b].1.clone();
            members[b].1 = std::mem::replace(&mut members[a].1, other);
            return (archive(&members), true);
        }
        Harm::Lose => {
            members.remove(numbers.below(members.len()));
            return (archive(&members), false);
        }
        Harm::Repeat => {
            // The same name again, with the content of another.
            let (a, b) = (numbers.below(members.len()), numbers.below(members.len()));
            let again = (members[a].0.clone(), members[b].1.clone());
            members.push(again);
            return (archive(&members), true);
        }
        _ => {}
    }
    let mut bytes = archive(&members);
    let end = bytes.len() - 1024;
    match harm {
        Harm::Cut => bytes.truncate(numbers.below(end)),
        Harm::Flip => {
            let at = numbers.below(end);
            bytes[at] ^= 1 << numbers.below(8);
            return (bytes, true);
        }
        Harm::ZeroBlock | Harm::ZeroTwoBlocks => {
            let blocks = if matches!(harm, Harm::ZeroBlock) { 1 } else { 2 };
            let at = numbers.below(end / 512 - blocks) * 512;
            bytes[at..at + blocks * 512].fill(0);
        }
        Harm::Swap | Harm::Lose | Harm::Repeat => {}
    }
    (bytes, false)
}

fn judged(path: &std::path::Path, verify: bool) -> Option<Inspection> {
    let target = Target::parse(path.as_os_str()).ok()?;
    let options = Options { verify, base_layers: Some(0), threads: 1, ..Options::default() };
    inspect(&target, &options, &mut |_| true).ok()
}

fn gate() -> Gate {
    let own = Bounds { wasted_bytes: Some(1000), ..Bounds::default() };
    Gate {
        limits: Limits { own, ..Limits::default() },
        exceptions: Vec::new(),
        known: None,
        today: jiff::civil::date(2026, 1, 1),
    }
}

#[test]
fn no_damaged_archive_passes_a_limit_that_the_whole_one_fails() {
    let folder = folder();
    let mut numbers = Numbers(7);
    let each = if is_long() { 48 } else { 3 };
    let gate = gate();
    let (mut tried, mut refused, mut reported) = (0, 0, 0);
    let mut wrong = Vec::new();
    for (which, plain) in images().into_iter().enumerate() {
        for (form, compress) in [("plain", <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>), ("gzip", gzip), ("zstd", zstd)] {
            let built = plain.clone().compress(compress);
            let whole = folder.write("whole.tar", &built.save(Shape::Docker));
            let found = judged(&whole, false).expect("the whole image is read");
            assert!(!gate.judge(&found).pass(), "image {which} fails the limit when it is whole");
            assert_eq!(found.incomplete().next(), None);
            for shape in [Shape::V1, Shape::Docker, Shape::Oci] {
                for kind in HARMS {
                    for round in 0..each {
                        let (bytes, only_digests) = harm(kind, &built, shape, &mut numbers);
                        let path = folder.write("damaged.tar", &bytes);
                        tried += 1;
                        let result = catch_unwind(AssertUnwindSafe(|| judged(&path, only_digests)));
                        let name = format!("image {which} {form} {shape:?} {kind:?} {round}");
                        match result {
                            Err(_) => wrong.push(format!("{name}: panic")),
                            Ok(None) => refused += 1,
                            Ok(Some(found)) => {
                                let complete = found.incomplete().next().is_none();
                                reported += usize::from(!complete);
                                if complete && gate.judge(&found).pass() {
                                    wrong.push(format!("{name}: passes"));
                                    let keep = std::env::temp_dir().join(name.replace(' ', "-") + ".tar");
                                    let _ = std::fs::write(keep, &bytes);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{tried} damaged archives: {refused} refused, {reported} reported as incomplete");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

//! The fuzz targets over mutations of their corpora: a minute of all of them without libFuzzer.

use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::fuzz_targets::TARGETS;

/// Numbers that are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

/// Bytes that mean something to one of the formats.
const TELLING: [&[u8]; 22] = [
    b"\0",
    b"\xff",
    b"/",
    b"..",
    b"\n",
    b"\"",
    b"{",
    b"]",
    b"null",
    b"-1",
    b"9999999999",
    b"\\ud800",
    b"\x80\0\0\0",
    b"17 path=a/b/../c\n",
    b"22 GNU.sparse.size=99\n",
    b".wh.",
    b".wh..wh..opq",
    b"ustar  \0",
    b"x",
    b"L",
    b"S",
    b"777",
];

fn mutate(input: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(6) {
        let at = numbers.below(input.len());
        match numbers.below(8) {
            0 if !input.is_empty() => input[at] ^= 1 << numbers.below(8),
            1 if !input.is_empty() => input[at] = numbers.below(256) as u8,
            2 => {
                let telling = TELLING[numbers.below(TELLING.len())];
                let end = (at + telling.len()).min(input.len());
                input.splice(at..end, telling.iter().copied());
            }
            3 => {
                let telling = TELLING[numbers.below(TELLING.len())];
                input.splice(at..at, telling.iter().copied());
            }
            4 => {
                let end = (at + numbers.below(600)).min(input.len());
                input.drain(at..end);
            }
            5 => {
                // A block of tar again, elsewhere.
                let from = at / 512 * 512;
                let block = input[from..(from + 512).min(input.len())].to_vec();
                let to = numbers.below(input.len()) / 512 * 512;
                input.splice(to..to, block);
            }
            6 => {
                let from = numbers.below(other.len());
                let end = (from + numbers.below(1024)).min(other.len());
                input.splice(at..at, other[from..end].iter().copied());
            }
            _ => input.truncate(at.max(1)),
        }
    }
    input.truncate(1 << 16);
}

#[test]
fn no_mutation_of_a_corpus_makes_a_target_fail() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let long = std::env::var_os("EXPLORE_LONG").is_some();
    let each = Duration::from_secs(if long { 60 } else { 3 });
    let mut wrong = Vec::new();
    for (name, run) in TARGETS {
        let files = std::fs::read_dir(corpora.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let corpus: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        assert!(!corpus.is_empty(), "{name} has a corpus");
        for input in &corpus {
            run(input);
        }
        let mut numbers = Numbers(42);
        let (started, mut runs) = (Instant::now(), 0_u64);
        while started.elapsed() < each {
            let mut input = corpus[numbers.below(corpus.len())].clone();
            let other = corpus[numbers.below(corpus.len())].clone();
            mutate(&mut input, &other, &mut numbers);
            runs += 1;
            let one = Instant::now();
            let failed = catch_unwind(|| run(&input)).is_err();
            if failed || one.elapsed() > Duration::from_secs(20) {
                let file = std::env::temp_dir().join(format!("explore-fuzz-{name}-{runs}"));
                let _ = std::fs::write(&file, &input);
                wrong.push(format!("{name}: {}", file.display()));
                break;
            }
        }
        println!("{name}: {runs} inputs");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

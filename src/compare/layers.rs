use crate::image::{Digest, Image};
use crate::inspect::Inspection;

/// How two layers belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// They have the same diff ID: the same bytes.
    Same,
    /// The same instruction made them, with other bytes.
    Rebuilt,
    /// Only the first image has it.
    Gone,
    /// Only the second image has it.
    New,
}

impl Pairing {
    /// As the JSON names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Rebuilt => "rebuilt",
            Self::Gone => "gone",
            Self::New => "new",
        }
    }
}

/// A layer of either image, or one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aligned {
    /// Its index in the first image.
    pub before: Option<usize>,
    /// Its index in the second.
    pub after: Option<usize>,
    /// How they belong together.
    pub pairing: Pairing,
}

/// Layers by diff ID, and between those by instruction; what is left stands alone, the first image's before the second's.
pub(super) fn align(a: &Inspection, b: &Inspection) -> Vec<Aligned> {
    let ids =
        |image: &Image| -> Vec<Option<Digest>> { image.layers.iter().map(|layer| layer.diff_id.clone()).collect() };
    let words = |image: &Image| -> Vec<Option<String>> {
        (0..image.layers.len()).map(|layer| image.instruction(layer).as_deref().map(normal)).collect()
    };
    pair(&ids(&a.image), &ids(&b.image), &words(&a.image), &words(&b.image))
}

fn pair<I: PartialEq>(
    a_ids: &[Option<I>],
    b_ids: &[Option<I>],
    a_words: &[Option<String>],
    b_words: &[Option<String>],
) -> Vec<Aligned> {
    let same = common(a_ids.len(), b_ids.len(), |x, y| a_ids[x].is_some() && a_ids[x] == b_ids[y]);
    let mut all = Vec::new();
    let (mut x, mut y) = (0, 0);
    let ends = std::iter::once((a_ids.len(), b_ids.len()));
    for (next_x, next_y) in same.into_iter().chain(ends) {
        let (from_x, from_y) = (x, y);
        let told = |at: &Option<String>| at.as_ref().is_some_and(|text| !text.is_empty());
        let alike = common(next_x - x, next_y - y, |i, j| {
            told(&a_words[from_x + i]) && a_words[from_x + i] == b_words[from_y + j]
        });
        let rebuilt = alike.into_iter().map(|(i, j)| (from_x + i, from_y + j)).chain([(next_x, next_y)]);
        for (end_x, end_y) in rebuilt {
            all.extend((x..end_x).map(|at| Aligned { before: Some(at), after: None, pairing: Pairing::Gone }));
            all.extend((y..end_y).map(|at| Aligned { before: None, after: Some(at), pairing: Pairing::New }));
            if (end_x, end_y) != (next_x, next_y) {
                all.push(Aligned { before: Some(end_x), after: Some(end_y), pairing: Pairing::Rebuilt });
            }
            (x, y) = (end_x + 1, end_y + 1);
        }
        if (next_x, next_y) != (a_ids.len(), b_ids.len()) {
            all.push(Aligned { before: Some(next_x), after: Some(next_y), pairing: Pairing::Same });
        }
    }
    all
}

/// An instruction without what changes from build to build: what the classic builder records of a source is its hash.
fn normal(instruction: &str) -> String {
    let is_hash = |word: &&str| ["file:", "dir:", "multi:"].iter().any(|kind| word.starts_with(kind));
    instruction.split_whitespace().filter(|word| !is_hash(word)).collect::<Vec<_>>().join(" ")
}

/// Pairs of a longest common sequence of two sequences.
fn common(n: usize, m: usize, equal: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    // What is equal at the front, which is most of it, needs no table.
    let front = (0..n.min(m)).take_while(|at| equal(*at, *at)).count();
    let (rows, columns) = (n - front, m - front);
    let mut lengths = vec![0_u16; (rows + 1) * (columns + 1)];
    let at = |x: usize, y: usize| x * (columns + 1) + y;
    for x in (0..rows).rev() {
        for y in (0..columns).rev() {
            lengths[at(x, y)] = if equal(front + x, front + y) {
                lengths[at(x + 1, y + 1)] + 1
            } else {
                lengths[at(x + 1, y)].max(lengths[at(x, y + 1)])
            };
        }
    }
    let mut pairs: Vec<(usize, usize)> = (0..front).map(|at| (at, at)).collect();
    let (mut x, mut y) = (0, 0);
    while x < rows && y < columns {
        if equal(front + x, front + y) {
            pairs.push((front + x, front + y));
            (x, y) = (x + 1, y + 1);
        } else if lengths[at(x + 1, y)] >= lengths[at(x, y + 1)] {
            x += 1;
        } else {
            y += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a1` is a layer with the digest `a1` and the instruction `a`.
    fn aligned(a: &str, b: &str) -> String {
        let ids = |text: &str| -> Vec<Option<String>> { text.split(' ').map(|word| Some(word.to_owned())).collect() };
        let words = |text: &str| -> Vec<Option<String>> {
            text.split(' ').map(|word| Some(word.trim_end_matches(char::is_numeric).to_owned())).collect()
        };
        let (a_ids, b_ids) = (ids(a), ids(b));
        let told = |at: Option<usize>, ids: &[Option<String>]| at.and_then(|at| ids[at].clone()).unwrap_or_default();
        let sign = |pairing| match pairing {
            Pairing::Same => '=',
            Pairing::Rebuilt => '~',
            Pairing::Gone => '-',
            Pairing::New => '+',
        };
        let rows = pair(&a_ids, &b_ids, &words(a), &words(b));
        let rows = rows
            .iter()
            .map(|row| format!("{}{}{}", told(row.before, &a_ids), sign(row.pairing), told(row.after, &b_ids)));
        rows.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn layers_that_belong_together_stand_together() {
        for (a, b, want) in [
            ("a1 b1 c1", "a1 b1 c1", "a1=a1 b1=b1 c1=c1"),
            ("a1 b1 c1", "a1 x1 b1 c1", "a1=a1 +x1 b1=b1 c1=c1"),
            ("a1 b1 c1", "a1 b2 c2", "a1=a1 b1~b2 c1~c2"),
            ("a1 b1 c1", "a1 c2", "a1=a1 b1- c1~c2"),
            ("a1 b1 c1 d1", "b2 a1 d1 e1", "+b2 a1=a1 b1- c1- d1=d1 +e1"),
            ("a1", "b1", "a1- +b1"),
        ] {
            assert_eq!(aligned(a, b), want, "{a} | {b}");
        }
    }
}

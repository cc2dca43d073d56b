use crate::image::{HistoryRow, readable};

/// Which layers are the base image's, and how that is known (waste rules, A.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// The first so many.
    pub layers: usize,
    /// `given`, `history` or `guess`.
    pub evidence: &'static str,
}

/// Finds the end of the base image in the history: an image ends with `CMD` or `ENTRYPOINT`, so everything up to the
/// last one that is followed by an instruction that makes a layer came from below. Without one, the first layer is
/// taken for it, which is a guess.
pub fn base(history: &[HistoryRow], layers: usize) -> Base {
    let last_maker = history.iter().rposition(|row| row.layer.is_some());
    let end = last_maker.and_then(|last| {
        history[..last].iter().rposition(|row| {
            let instruction = row.created_by.as_deref().map(readable).unwrap_or_default();
            row.layer.is_none() && (instruction.starts_with("CMD ") || instruction.starts_with("ENTRYPOINT "))
        })
    });
    let below = end.map(|end| history[..end].iter().filter_map(|row| row.layer).map(|layer| layer + 1).max());
    match below.flatten() {
        Some(below) => Base { layers: below, evidence: "history" },
        None => Base { layers: layers.min(1), evidence: "guess" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(rows: &[&str]) -> (Vec<HistoryRow>, usize) {
        let mut layers = 0;
        let rows = rows
            .iter()
            .map(|text| {
                let empty = text.starts_with("CMD") || text.starts_with("ENV") || text.starts_with("ENTRYPOINT");
                let layer = (!empty).then_some(layers);
                layers += usize::from(!empty);
                HistoryRow { created_by: Some((*text).to_owned()), empty, layer, ..HistoryRow::default() }
            })
            .collect();
        (rows, layers)
    }

    #[test]
    fn where_the_base_ends() {
        for (rows, want, evidence) in [
            (&["ADD root /", "CMD [\"sh\"]", "RUN a", "COPY b", "CMD [\"b\"]"][..], 1, "history"),
            (&["ADD root /", "CMD [\"sh\"]", "RUN py", "CMD [\"python3\"]", "ENV A=1", "COPY app"], 2, "history"),
            (&["ADD root /", "RUN a", "CMD [\"b\"]"], 1, "guess"),
            (&[], 0, "guess"),
        ] {
            let (rows, layers) = history(rows);
            assert_eq!(base(&rows, layers), Base { layers: want, evidence });
        }
    }
}

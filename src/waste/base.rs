use crate::image::{Digest, HistoryRow, Image, Relative, readable};

/// Which layers are the base image's, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The first so many.
    pub layers: usize,
    /// `given`, `annotation`, `image`, `history` or `guess`.
    pub evidence: &'static str,
    /// The base image's name, where it is known.
    pub name: Option<String>,
}

/// What the user says about the base.
#[derive(Debug, Clone, Default)]
pub struct GivenBase {
    /// The first so many layers.
    pub layers: Option<usize>,
    /// That image.
    pub image: Option<Relative>,
}

/// The image that was given as the base is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the image is not built on {name}: {why}")]
pub struct NotTheBase {
    name: String,
    why: String,
}

impl Base {
    fn new(layers: usize, evidence: &'static str) -> Self {
        Self { layers, evidence, name: None }
    }

    /// Finds the base of an image, by the best evidence that there is.
    ///
    /// # Errors
    /// When the image that was given is not the base.
    pub fn of(image: &Image, given: &GivenBase) -> Result<Self, NotTheBase> {
        let layers = image.layers.len();
        if let Some(given) = given.layers {
            return Ok(Self::new(given.min(layers), "given"));
        }
        let own: Vec<Option<&Digest>> = image.layers.iter().map(|layer| layer.diff_id.as_ref()).collect();
        let common = |other: &Relative| {
            let pairs = other.diff_ids.iter().zip(&own);
            pairs.take_while(|(theirs, ours)| theirs.is_some() && theirs.as_ref() == **ours).count()
        };
        let is_below = |other: &&Relative| !other.diff_ids.is_empty() && common(other) == other.diff_ids.len();
        let found = |other: &Relative, evidence| Self {
            layers: other.diff_ids.len(),
            evidence,
            name: other.names.first().cloned(),
        };
        if let Some(given) = &given.image {
            if is_below(&given) {
                return Ok(found(given, "given"));
            }
            let name = given.names.first().cloned().unwrap_or_else(|| "it".to_owned());
            let why = match common(given) {
                0 => "they have no layer in common".to_owned(),
                some if some == own.len() => {
                    format!("it has {} layers more than this image", given.diff_ids.len() - some)
                }
                some => format!("only the first {some} of its {} layers are the same", given.diff_ids.len()),
            };
            return Err(NotTheBase { name, why });
        }
        let said = |key: &str| {
            let labels = &image.config.run.labels;
            image.annotations.get(key).or_else(|| labels.get(key)).map(crate::secret::Redacted::as_str)
        };
        let digest = said("org.opencontainers.image.base.digest");
        let name = said("org.opencontainers.image.base.name");
        let is_said = |other: &&Relative| {
            other.digest.as_ref().is_some_and(|own| Some(own.as_str()) == digest)
                || name.is_some_and(|name| other.names.iter().any(|own| short(own) == short(name)))
        };
        if let Some(other) = image.relatives.iter().filter(is_said).find(is_below) {
            return Ok(found(other, "annotation"));
        }
        let proper = image.relatives.iter().filter(is_below).filter(|other| other.diff_ids.len() < layers);
        if let Some(other) = proper.max_by_key(|other| other.diff_ids.len()) {
            return Ok(found(other, "image"));
        }
        Ok(by_history(&image.history, layers))
    }

    /// How many history rows are the base's: those that made its layers, and what follows them up to its `CMD`.
    pub fn rows(&self, history: &[HistoryRow]) -> usize {
        let Some(last) = self.layers.checked_sub(1) else { return 0 };
        let made = history.iter().position(|row| row.layer == Some(last)).map_or(0, |at| at + 1);
        let empty = history[made..].iter().take_while(|row| row.layer.is_none());
        let ends = empty.enumerate().filter(|(_, row)| is_end(row)).map(|(at, _)| at + 1).last();
        // The image's own last rows are no one else's.
        let others = history[made..].iter().any(|row| row.layer.is_some());
        made + ends.filter(|_| others).unwrap_or(0)
    }
}

/// Without what every name may leave out.
fn short(name: &str) -> &str {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

fn is_end(row: &HistoryRow) -> bool {
    let instruction = row.created_by.as_deref().map(readable).unwrap_or_default();
    row.layer.is_none() && (instruction.starts_with("CMD ") || instruction.starts_with("ENTRYPOINT "))
}

/// Finds the end of the base image in the history: an image ends with `CMD` or `ENTRYPOINT`, so everything up to the
/// last one that is followed by an instruction that makes a layer came from below. Without one, the first layer is
/// taken for it, which is a guess.
fn by_history(history: &[HistoryRow], layers: usize) -> Base {
    let last_maker = history.iter().rposition(|row| row.layer.is_some());
    let end = last_maker.and_then(|last| history[..last].iter().rposition(is_end));
    let below = end.map(|end| history[..end].iter().filter_map(|row| row.layer).map(|layer| layer + 1).max());
    match below.flatten() {
        Some(below) => Base::new(below, "history"),
        None => Base::new(layers.min(1), "guess"),
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
                HistoryRow { created_by: Some((*text).into()), empty, layer, ..HistoryRow::default() }
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
            assert_eq!(by_history(&rows, layers), Base::new(want, evidence));
        }
    }
}

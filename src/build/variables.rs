//! Variables of a Dockerfile: `ENV` and `ARG`, and what `$NAME` stands for.

/// `A=1 B="x y"`, `A 1`, `A` as names and values.
pub(super) fn assignments(text: &str) -> Vec<(String, String)> {
    let words = super::dockerfile::raw_words(text);
    let first = words.first().copied().unwrap_or_default();
    if !first.contains('=') {
        let value = text.trim_start().split_once(char::is_whitespace).map(|(_, value)| unquoted(value.trim()));
        return value.map(|value| vec![(first.to_owned(), value)]).unwrap_or_default();
    }
    words
        .into_iter()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), unquoted(value)))
        .collect()
}

fn unquoted(value: &str) -> String {
    value.trim_matches(['"', '\'']).to_owned()
}

/// Replaces `$NAME`, `${NAME}` and `${NAME:-default}`, as far as they are known.
pub(super) fn expand(text: &str, variables: &[(String, String)]) -> String {
    let known = |name: &str| variables.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, default, used) =
            if let Some((inner, _)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, other)| (name, Some(other)));
                (name, default, inner.len() + 2)
            } else {
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], None, end)
            };
        match known(name).filter(|value| !value.is_empty()).or(default) {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[at..=at + used]),
        }
        rest = &after[used..];
    }
    out.push_str(rest);
    out
}

/// A path as it is seen from `at`, without `.`, `..` and a `/` at its end; empty for the root.
pub fn absolute(at: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{at}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().flat_map(|part| ["/", *part]).collect()
}

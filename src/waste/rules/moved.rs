//! Directories that variables of the image put elsewhere.

use super::Rule;
use super::rule::{Directory, Variable};

/// Where a variable of the image puts files.
#[derive(Debug, Clone)]
pub(super) struct Moved {
    what: What,
    /// The directory, as a pattern.
    place: String,
}

#[derive(Debug, Clone)]
enum What {
    /// Whatever patterns that begin so name.
    Beginning(String),
    /// All that the rule of this id names.
    Rule(String),
}

/// What the variables of an image (`NAME=value`) put elsewhere. Values that are not absolute paths say nothing.
pub(super) fn moved(env: &[impl AsRef<str>], rules: &[Rule], directories: &[Directory]) -> Vec<Moved> {
    let mut all = Vec::new();
    for (name, value) in env.iter().filter_map(|line| line.as_ref().split_once('=')) {
        let value = value.trim_end_matches('/');
        if !value.starts_with('/') {
            continue;
        }
        let place = |variable: &Variable| format!("{}{}", globset::escape(value), variable.below);
        for directory in directories {
            // Where it always is.
            for variable in directory.moved_by.iter().filter(|each| each.name == name && directory.path != value) {
                all.push(Moved { what: What::Beginning(directory.path.clone()), place: place(variable) });
            }
        }
        for rule in rules {
            for variable in rule.moved_by.iter().filter(|each| each.name == name) {
                all.push(Moved { what: What::Rule(rule.id.clone()), place: place(variable) });
            }
        }
    }
    all
}

/// A pattern in every place where it may be: a leading `~/` stands for the home directories that most images have and for
/// the image's own; what variables put elsewhere is there too.
pub(super) fn places(pattern: &str, homes: &[String], moved: &[Moved]) -> Vec<String> {
    let mut all: Vec<String> = moved.iter().filter_map(|each| each.beginning(pattern)).collect();
    match pattern.strip_prefix("~/") {
        Some(rest) => {
            all.push(format!("/{{root,home/*}}/{rest}"));
            all.extend(homes.iter().map(|home| format!("{}/{rest}", globset::escape(home))));
        }
        None => all.push(pattern.to_owned()),
    }
    all
}

impl Moved {
    /// The pattern in the directory that stands for its beginning.
    fn beginning(&self, pattern: &str) -> Option<String> {
        let What::Beginning(usual) = &self.what else { return None };
        let rest = pattern.strip_prefix(usual.as_str()).filter(|rest| rest.starts_with('/'))?;
        Some(format!("{}{rest}", self.place))
    }

    /// A pattern of everything in the directory, if it holds all that the rule names.
    pub(super) fn whole(&self, rule: &str) -> Option<String> {
        matches!(&self.what, What::Rule(id) if id == rule).then(|| format!("{}/**", self.place))
    }
}

use std::io::{self, Write};

use super::json::JsonOptions;
use super::judged::Judged;

/// A format in which a judgement is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportFormat {
    /// For a log: short, aligned, the verdict as the last line.
    Text,
    /// The contract of `docs/schema.json`.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// `JUnit` XML, for lists of tests.
    Junit,
    /// GitLab's Code Quality.
    Gitlab,
    /// Workflow commands of GitHub, which become annotations.
    Github,
    /// Markdown for the comment on a pull request; empty when there is nothing to say.
    Markdown,
    /// One page that needs nothing else.
    Html,
}

impl ReportFormat {
    /// All formats, in the order of the help.
    pub const ALL: [Self; 8] =
        [Self::Text, Self::Json, Self::Sarif, Self::Junit, Self::Gitlab, Self::Github, Self::Markdown, Self::Html];

    /// As flags and settings name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Gitlab => "gitlab",
            Self::Github => "github",
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }

    /// The format of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// Writes one or several images in a format. `unread` is how many more could not be looked at, which no report passes over.
///
/// # Errors
/// When `out` can't be written.
pub fn write_report(
    format: ReportFormat,
    images: &[Judged<'_>],
    unread: usize,
    mut out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        ReportFormat::Text if unread > 0 || images.iter().any(|image| image.verdict.is_some()) => {
            super::write_verdicts(images, unread, &mut out)
        }
        ReportFormat::Text => images.iter().try_for_each(|each| super::write_summary(each.found, &mut out)),
        ReportFormat::Json => super::write_judged(images, JsonOptions::default(), &mut out),
        ReportFormat::Sarif => super::sarif::write(images, unread, out),
        ReportFormat::Junit => super::junit::write(images, unread, out),
        ReportFormat::Gitlab => super::gitlab::write(images, out),
        ReportFormat::Github => super::github::write(images, unread, out),
        ReportFormat::Markdown => super::markdown::write(images, unread, out),
        ReportFormat::Html => super::html::write(images, unread, out),
    }
}

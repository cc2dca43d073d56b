//! Changes of the text of a Dockerfile: what is replaced, in the style of its author.

use std::ops::Range;

use super::remove::has_pattern;
use crate::build::{Body, Build, Joint, RunForm, Segment, Simple, Step, StepId};

/// The file that a change is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum File {
    /// The Dockerfile.
    Dockerfile,
    /// The `.dockerignore`.
    Ignore,
}

/// Bytes of a file that are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file.
    pub file: File,
    /// What is replaced.
    pub range: Range<usize>,
    /// By what.
    pub text: String,
}

impl Change {
    pub(super) fn new(range: Range<usize>, text: impl Into<String>) -> Self {
        Self { file: File::Dockerfile, range, text: text.into() }
    }
}

/// Makes changes to a text. None when some of them clash.
pub(super) fn apply(text: &str, changes: &[&Change]) -> Option<String> {
    let mut sorted: Vec<&&Change> = changes.iter().collect();
    sorted.sort_by_key(|change| (change.range.start, change.range.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for change in sorted {
        out.push_str(text.get(at..change.range.start)?);
        out.push_str(&change.text);
        at = change.range.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

pub(super) fn newline(build: &Build) -> &'static str {
    if build.text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The blanks that an instruction's last line begins with, where it has several lines.
fn indentation<'b>(build: &'b Build, step: &Step) -> Option<&'b str> {
    let text = build.source(step.instruction.span.clone());
    let last = text.rsplit_once('\n').map(|(_, last)| last)?;
    Some(&last[..last.len() - last.trim_start().len()])
}

/// Whether the author ends lines with `&&` instead of beginning them so.
fn ends_with_and(build: &Build, step: &Step) -> bool {
    let text = build.source(step.instruction.span.clone());
    text.lines().any(|line| line.trim_end().trim_end_matches(build.escape).trim_end().ends_with("&&"))
}

/// A command as it follows the last one of a `RUN`.
pub(super) fn following(build: &Build, step: &Step, command: &str) -> String {
    match indentation(build, step) {
        Some(indent) => {
            let (newline, escape) = (newline(build), build.escape);
            if ends_with_and(build, step) {
                format!(" && {escape}{newline}{indent}{command}")
            } else {
                format!(" {escape}{newline}{indent}&& {command}")
            }
        }
        None => format!(" && {command}"),
    }
}

/// The script of a step and what is needed to change it; or why it can't be changed.
pub(super) struct Editable<'b> {
    pub(super) step: &'b Step,
    pub(super) segments: &'b [Segment],
    pub(super) form: RunForm,
    run: &'b crate::build::Run,
}

/// Whether commands turn an option of the shell on: by its letter, or by its name after `-o`.
fn sets(segments: &[Segment], letter: char, name: &str) -> bool {
    let mut commands = segments.iter().flat_map(|segment| &segment.commands);
    commands.any(|command| command.name() == "set" && command.has_option(letter, name))
}

impl<'b> Editable<'b> {
    pub(super) fn of(build: &'b Build, id: StepId) -> Result<Self, String> {
        let step = build.step(id);
        let at = format!("the RUN of line {}", step.instruction.line);
        match &step.body {
            Body::Exec(_) => Err(format!("{at} is in exec form, which has no shell to add a command to")),
            Body::Run(run) => match (&run.script, run.form) {
                (_, RunForm::Other) => Err(format!("{at} hands a here-document to a command")),
                (Some(script), form) if !script.segments.is_empty() => {
                    Ok(Self { step, segments: &script.segments, form, run })
                }
                _ => Err(format!("the script of {at} can't be read for sure")),
            },
            _ => Err(format!("line {} is not a RUN", step.instruction.line)),
        }
    }

    /// A range of the script in the file.
    pub(super) fn in_file(&self, range: &Range<usize>) -> Range<usize> {
        self.run.source.in_file(range)
    }

    /// A command's text, on one line.
    pub(super) fn text(&self, segment: &Segment) -> &'b str {
        &self.run.source.text[segment.span.clone()]
    }

    pub(super) fn sets_errexit(&self) -> bool {
        sets(&self.segments[..self.segments.len().min(2)], 'e', "errexit")
    }

    fn sets_noglob(&self) -> bool {
        sets(self.segments, 'f', "noglob")
    }

    /// Whether a command can follow the last one.
    pub(super) fn goes_on(&self) -> Result<(), String> {
        let line = self.step.instruction.line;
        for segment in self.segments {
            // `exit` in an `if` is for failures; `exec` may stand before a redirect, too.
            let ends = |command: &&Simple| match command.name() {
                "exit" | "return" => segment.is_plain,
                "exec" | "trap" => !segment.is_subshell(&self.run.source.text),
                _ => false,
            };
            if let Some(command) = segment.commands.iter().find(ends) {
                return Err(format!("the RUN of line {line} ends its shell by `{}`", command.name()));
            }
        }
        let last = self.segments.last();
        let background = last.is_some_and(|last| last.span.is_empty())
            || self.segments.iter().any(|segment| segment.joint == Joint::Background);
        if background {
            return Err(format!("the RUN of line {line} leaves a command in the background"));
        }
        Ok(())
    }

    /// The end of the last command in the file.
    pub(super) fn end(&self) -> usize {
        self.segments.last().map_or(self.step.instruction.span.end, |last| self.in_file(&last.span).end)
    }

    /// Adds a command at the end.
    pub(super) fn append(&self, build: &Build, command: &str) -> Result<Change, String> {
        self.goes_on()?;
        if has_pattern(command) && self.sets_noglob() {
            return Err(format!("the RUN of line {} turns patterns off by `set -f`", self.step.instruction.line));
        }
        let end = self.end();
        let text = match self.form {
            // The status of the last command would hide that of the one before.
            RunForm::Heredoc if !self.sets_errexit() => format!(" && {command}"),
            RunForm::Heredoc => format!("{}{command}", newline(build)),
            _ => following(build, self.step, command),
        };
        Ok(Change::new(end..end, text))
    }

    /// Takes a command out. None when what is left would do something else.
    pub(super) fn without(&self, build: &Build, id: StepId, index: usize) -> Option<Change> {
        if self.segments.len() == 1 {
            return Some(remove_instruction(build, id));
        }
        let own = &self.segments[index];
        let joint = |at: usize| self.segments.get(at).map(|segment| segment.joint);
        if index > 0 {
            let is_checked = own.joint == Joint::And || own.joint == Joint::Next && self.sets_errexit();
            // `a || rm x`, or `rm x || b`: it decides what runs.
            let decides = joint(index + 1) == Some(Joint::Or);
            (is_checked && !decides).then(|| {
                let from = self.in_file(&self.segments[index - 1].span).end;
                Change::new(from..self.in_file(&own.span).end, "")
            })
        } else {
            (joint(1) == Some(Joint::And) || joint(1) == Some(Joint::Next) && self.sets_errexit()).then(|| {
                let to = self.in_file(&self.segments[1].span).start;
                Change::new(self.in_file(&own.span).start..to, "")
            })
        }
    }
}

/// Takes an instruction out with its lines. An empty line before it goes as well, where another follows.
pub(super) fn remove_instruction(build: &Build, id: StepId) -> Change {
    let span = build.step(id).instruction.span.clone();
    Change::new(whole_lines(&build.text, span), "")
}

/// A range with what stands before it on its first line, and the end of its last line.
pub(super) fn whole_lines(text: &str, span: Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at + 1);
    start..end
}

/// Adds a flag to an instruction, or replaces the one that it has.
pub(super) fn set_flag(step: &Step, name: &str, value: &str) -> Change {
    let own = step.instruction.flags.iter().find(|flag| flag.name == name);
    match own {
        Some(flag) => Change::new(flag.span.clone(), format!("--{name}={value}")),
        None => {
            let at = step.instruction.keyword_end;
            Change::new(at..at, format!(" --{name}={value}"))
        }
    }
}

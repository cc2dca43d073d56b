//! The build as data: stages and steps of a Dockerfile, what each runs in, and which layer it made.
//!
//! Owns the Dockerfile's grammar with the bytes of every part, the shell grammar of `RUN`, what is in force at a step (directory,
//! user, shell, variables), and which step made which layer. Without a Dockerfile one is reconstructed from the history.
//! Leaves to `waste` which bytes are wasted, and to `fix` what to change.

mod copied;
mod dockerfile;
mod lines;
mod matching;
mod reconstruct;
mod shell;
mod variables;

use std::ops::Range;
use std::sync::Arc;

pub use copied::{Copied, Source, is_archive, workdir_of};
pub use dockerfile::{DockerfileError, Flag, Heredoc, Instruction, Joined};
pub use lines::{Lines, Place};
pub use shell::{Joint, Script, Segment, Simple, Word};
pub use variables::absolute;

use crate::image::{HistoryRow, Image};

/// A build.
#[derive(Debug, Clone)]
pub struct Build {
    /// The Dockerfile, as the user named it.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The text was made from the image's history.
    pub is_reconstructed: bool,
    /// The character at the end of a line that goes on.
    pub escape: char,
    /// The value of `# syntax=`.
    pub syntax: Option<String>,
    /// The stages in their order.
    pub stages: Vec<Stage>,
    /// The stage that makes the image.
    pub target: usize,
}

/// A stage.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name, in small letters.
    pub name: Option<String>,
    /// What it is built on.
    pub base: StageBase,
    /// The `FROM`.
    pub from: Instruction,
    /// The other instructions.
    pub steps: Vec<Step>,
}

/// What a stage is built on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageBase {
    /// An earlier stage, by index.
    Stage(usize),
    /// An image, variables replaced as far as their defaults are known.
    Image(String),
}

/// A step: its stage and its place in there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId {
    /// The stage, by index.
    pub stage: usize,
    /// The step in it, by index.
    pub step: usize,
}

/// An instruction with what it means where it stands.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its text.
    pub instruction: Instruction,
    /// What it does.
    pub body: Body,
    /// What it runs in.
    pub around: Surroundings,
    /// The history row that it made.
    pub row: Option<usize>,
    /// The history has the same words, and not only such as the builder records.
    pub is_exact: bool,
    /// The layer that it made.
    pub layer: Option<u16>,
}

impl Step {
    /// The script of a `RUN`, where it can be read.
    pub fn script(&self) -> Option<&Script> {
        match &self.body {
            Body::Run(run) => run.script.as_ref(),
            _ => None,
        }
    }

    /// The keyword, in capitals.
    pub fn keyword(&self) -> &str {
        &self.instruction.keyword
    }

    /// Whether instructions of its kind make a layer.
    pub fn makes_layer(&self) -> bool {
        matches!(self.keyword(), "RUN" | "COPY" | "ADD")
    }

    /// The instruction on one line, its flags among it.
    pub fn words(&self) -> String {
        let Instruction { keyword, arguments, .. } = &self.instruction;
        format!("{keyword} {}", arguments.text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Body {
    /// A `RUN` of a shell.
    Run(Run),
    /// A `RUN` without a shell.
    Exec(Vec<String>),
    /// A `COPY` or `ADD`.
    Copy(CopyBody),
    /// Anything else.
    Other,
}

/// A `RUN` of a shell.
#[derive(Debug, Clone)]
pub struct Run {
    /// The script's text; spans of [`Run::script`] are of it.
    pub source: Joined,
    /// The script; None where it can't be read for sure.
    pub script: Option<Script>,
    /// How it is written.
    pub form: RunForm,
}

/// How the script of a `RUN` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunForm {
    /// On the lines of the instruction.
    Lines,
    /// As a here-document that is nothing else.
    Heredoc,
    /// With a here-document for one of its commands, or for another interpreter.
    Other,
}

/// A `COPY` or `ADD`.
#[derive(Debug, Clone, Default)]
pub struct CopyBody {
    /// The stage or image that it copies from, as written.
    pub from: Option<String>,
    /// What it copies, as written; here-documents are not among it.
    pub sources: Vec<String>,
    /// Where to, as written.
    pub to: String,
    /// The same as an absolute path, without a `/` at its end; None where a variable is not known.
    pub target: Option<String>,
    /// It says that the target is a directory.
    pub into: bool,
}

/// What a step runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The directory, without a `/` at its end; empty for the root.
    pub workdir: String,
    /// The user, as written; None for the one that an image starts with, which is root.
    pub user: Option<String>,
    /// The shell of `SHELL`; None for `/bin/sh -c`.
    pub shell: Option<Vec<String>>,
    /// `ARG` and `ENV`, the last of a name counts.
    pub variables: Arc<Vec<(String, String)>>,
}

impl Surroundings {
    /// Replaces variables, as far as they are known.
    pub fn expand(&self, text: &str) -> String {
        variables::expand(text, &self.variables)
    }

    /// Whether the user is root.
    pub fn is_root(&self) -> bool {
        let name = self.user.as_deref().map(|user| user.split(':').next().unwrap_or_default());
        matches!(name, None | Some("" | "root" | "0"))
    }

    /// Whether scripts are read by a shell of the Bourne family.
    pub fn is_posix(&self) -> bool {
        let shell = self.shell.as_ref().and_then(|words| words.first());
        shell.is_none_or(|shell| matches!(shell.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash" | "zsh")))
    }

    fn set(&mut self, name: String, value: String) {
        Arc::make_mut(&mut self.variables).push((name, value));
    }

    /// What an instruction puts into force for those after it.
    fn apply(&mut self, keyword: &str, text: &str) {
        match keyword {
            "WORKDIR" => {
                let place = self.expand(text.trim().trim_matches(['"', '\'']));
                self.workdir = absolute(&self.workdir, &place);
            }
            "USER" => self.user = Some(self.expand(text.trim())),
            "SHELL" => self.shell = serde_json::from_str(text.trim()).ok().or(self.shell.take()),
            "ENV" | "ARG" => {
                let text = self.expand(text);
                for (name, value) in variables::assignments(&text) {
                    self.set(name, value);
                }
            }
            _ => {}
        }
    }
}

impl Build {
    /// Reads a Dockerfile. The last stage is taken for the image's until [`Build::bind`] knows better.
    ///
    /// # Errors
    /// When the text is not a Dockerfile.
    pub fn parse(path: &str, text: &str) -> Result<Self, DockerfileError> {
        let directives = dockerfile::directives(text);
        let mut stages: Vec<Stage> = Vec::new();
        let mut defaults = Surroundings::default();
        for instruction in dockerfile::instructions(text)? {
            if instruction.keyword == "FROM" {
                stages.push(stage(instruction, &stages, &defaults));
            } else if let Some(stage) = stages.last_mut() {
                let around = Surroundings::default();
                stage.steps.push(Step {
                    body: Body::Other,
                    instruction,
                    around,
                    row: None,
                    is_exact: false,
                    layer: None,
                });
            } else {
                defaults.apply(&instruction.keyword, &instruction.arguments.text);
            }
        }
        let target = stages.len().saturating_sub(1);
        let mut build = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            is_reconstructed: false,
            escape: directives.escape,
            syntax: directives.syntax,
            stages,
            target,
        };
        build.surround(&defaults, &Surroundings::default());
        Ok(build)
    }

    /// Makes a Dockerfile from the history of an image: everything after its first `base_rows` rows.
    pub fn reconstruct(image: &Image, base: Option<&str>, base_rows: usize) -> Option<Self> {
        reconstruct::reconstruct(image, base, base_rows)
    }

    /// Finds the stage that makes an image with this history, and which step made which layer.
    pub fn bind(&mut self, history: &[HistoryRow]) {
        let rows: Vec<String> = history.iter().map(|row| row.instruction().unwrap_or_default()).collect();
        let mut best: Option<(i64, usize, Vec<matching::Pair>)> = None;
        for target in (0..self.stages.len()).rev() {
            let chain = self.chain_of(target);
            let pairs = matching::align(self, &chain, &rows);
            let score = matching::score(self, &chain, &pairs);
            if best.as_ref().is_none_or(|(known, ..)| score > *known) {
                best = Some((score, target, pairs));
            }
        }
        let Some((_, target, pairs)) = best else { return };
        self.target = target;
        let chain = self.chain();
        let first = pairs.iter().map(|pair| pair.row).min().unwrap_or(rows.len());
        let mut below = Surroundings::default();
        for row in &rows[..first] {
            let (keyword, text) = row.split_once(' ').unwrap_or((row, ""));
            below.apply(keyword, text);
        }
        let globals = self.global_defaults();
        self.surround(&globals, &below);
        for pair in pairs {
            let layer = history[pair.row].layer.and_then(|layer| u16::try_from(layer).ok());
            let StepId { stage, step } = chain[pair.step];
            let step = &mut self.stages[stage].steps[step];
            (step.row, step.is_exact, step.layer) = (Some(pair.row), pair.is_exact, layer);
        }
    }

    /// How many history rows come before those that the steps made, where each step that makes a layer was found.
    pub fn rows_below(&self) -> Option<usize> {
        let chain = self.chain();
        let steps = || chain.iter().map(|id| self.step(*id));
        let all = steps().filter(|step| step.makes_layer()).all(|step| step.row.is_some());
        steps().filter_map(|step| step.row).min().filter(|_| all)
    }

    /// The image that the target is built on; None for `scratch`.
    pub fn base_image(&self) -> Option<&str> {
        let root = self.stages_below(self.target).first().copied()?;
        match &self.stages[root].base {
            StageBase::Image(name) if name != "scratch" => Some(name),
            _ => None,
        }
    }

    fn global_defaults(&self) -> Surroundings {
        let mut defaults = Surroundings::default();
        let first = self.stages.first().map_or(0, |stage| stage.from.span.start);
        for instruction in dockerfile::instructions(&self.text).unwrap_or_default() {
            if instruction.span.start < first {
                defaults.apply(&instruction.keyword, &instruction.arguments.text);
            }
        }
        defaults
    }

    /// The steps that make the image, in their order: those of the stages that the target is built on come first.
    pub fn chain(&self) -> Vec<StepId> {
        self.chain_of(self.target)
    }

    fn chain_of(&self, target: usize) -> Vec<StepId> {
        let steps = |stage: usize| (0..self.stages[stage].steps.len()).map(move |step| StepId { stage, step });
        self.stages_below(target).into_iter().flat_map(steps).collect()
    }

    /// The stages that one is built on, the first of them first, and itself.
    pub fn stages_below(&self, target: usize) -> Vec<usize> {
        let mut stages = Vec::new();
        let mut at = (target < self.stages.len()).then_some(target);
        while let Some(stage) = at {
            stages.push(stage);
            at = match self.stages[stage].base {
                StageBase::Stage(below) => Some(below),
                StageBase::Image(_) => None,
            };
        }
        stages.reverse();
        stages
    }

    /// A step.
    pub fn step(&self, id: StepId) -> &Step {
        &self.stages[id.stage].steps[id.step]
    }

    /// The text of a range of the file.
    pub fn source(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Whether the file uses what only `BuildKit` can: a `# syntax=` line, here-documents, mounts, `--chmod`, `--link`.
    pub fn needs_buildkit(&self) -> bool {
        let steps = self.stages.iter().flat_map(|stage| &stage.steps).map(|step| &step.instruction);
        let new = ["mount", "chmod", "link", "network", "security", "parents", "exclude", "checksum"];
        self.syntax.is_some()
            || steps
                .into_iter()
                .any(|own| !own.heredocs.is_empty() || own.flags.iter().any(|flag| new.contains(&flag.name.as_str())))
    }

    /// Works out what is in force at every step, from the first stage on. `below` is what the base image of the target says.
    fn surround(&mut self, defaults: &Surroundings, below: &Surroundings) {
        let root = self.stages_below(self.target).first().copied();
        let mut ends: Vec<Surroundings> = Vec::new();
        for (index, stage) in self.stages.iter_mut().enumerate() {
            let mut around = match stage.base {
                StageBase::Stage(below) => ends.get(below).cloned().unwrap_or_default(),
                StageBase::Image(_) if Some(index) == root => below.clone(),
                StageBase::Image(_) => Surroundings::default(),
            };
            for step in &mut stage.steps {
                step.around = around.clone();
                step.body = body(&step.instruction, &around, &self.text);
                let Instruction { keyword, arguments, .. } = &step.instruction;
                around.apply(keyword, &arguments.text);
                // `ARG NAME` in a stage takes the default that stands before all stages.
                if keyword == "ARG" && !arguments.text.contains('=') {
                    for name in arguments.text.split_whitespace() {
                        let value = defaults.variables.iter().rev().find(|(own, _)| own == name);
                        if let Some((name, value)) = value {
                            around.set(name.clone(), value.clone());
                        }
                    }
                }
            }
            ends.push(around);
        }
    }
}

fn stage(from: Instruction, before: &[Stage], defaults: &Surroundings) -> Stage {
    let words: Vec<&str> = from.arguments.text.split_whitespace().collect();
    let is_named = words.get(1).is_some_and(|word| word.eq_ignore_ascii_case("as"));
    let name = words.get(2).filter(|_| is_named).map(|name| name.to_lowercase());
    let base = defaults.expand(words.first().copied().unwrap_or_default());
    let known = before.iter().rposition(|stage| stage.name.as_deref() == Some(base.to_lowercase().as_str()));
    Stage { name, base: known.map_or(StageBase::Image(base), StageBase::Stage), from, steps: Vec::new() }
}

fn body(instruction: &Instruction, around: &Surroundings, text: &str) -> Body {
    match instruction.keyword.as_str() {
        "RUN" => match instruction.exec_form() {
            Some(words) => Body::Exec(words),
            None => Body::Run(run(instruction, around, text)),
        },
        "COPY" | "ADD" => Body::Copy(copy(instruction, around)),
        _ => Body::Other,
    }
}

fn run(instruction: &Instruction, around: &Surroundings, text: &str) -> Run {
    let words = dockerfile::raw_words(&instruction.arguments.text);
    let (source, form) = match &instruction.heredocs[..] {
        [] => (instruction.arguments.clone(), RunForm::Lines),
        [one] if words.len() == 1 => {
            let body = &text[one.body.clone()];
            let interpreter = body.lines().next().and_then(|line| line.strip_prefix("#!"));
            let is_shell = interpreter.is_none_or(|line| {
                let name = line.trim().trim_start_matches("/usr/bin/env ").split(' ').next().unwrap_or_default();
                matches!(name.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash"))
            });
            (Joined::plain(body, one.body.start), if is_shell { RunForm::Heredoc } else { RunForm::Other })
        }
        _ => (instruction.arguments.clone(), RunForm::Other),
    };
    let script = match form {
        _ if !around.is_posix() => None,
        RunForm::Other => written_by_heredocs(instruction, text),
        RunForm::Lines | RunForm::Heredoc => Script::parse(&source.text),
    };
    Run { source, script, form }
}

/// A script whose commands only write the here-documents that they get: what others do with theirs is not known.
fn written_by_heredocs(instruction: &Instruction, text: &str) -> Option<Script> {
    let mut whole = format!("{}\n", instruction.arguments.text.trim_end());
    for heredoc in &instruction.heredocs {
        let body = &text[heredoc.body.clone()];
        if body.contains("$(") || body.contains('`') {
            return None;
        }
        whole.push_str(&format!("{body}{}\n", heredoc.delimiter));
    }
    Script::parse_commands(&whole).filter(|script| script.commands().all(|own| matches!(own.name(), "cat" | "tee")))
}

fn copy(instruction: &Instruction, around: &Surroundings) -> CopyBody {
    let text = instruction.arguments.text.trim();
    let mut words: Vec<String> = match instruction.exec_form() {
        Some(words) => words,
        None => dockerfile::raw_words(text).into_iter().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect(),
    };
    let to = words.pop().unwrap_or_default();
    let expanded = around.expand(&to);
    let last = expanded.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    CopyBody {
        from: instruction.flag("from").map(|from| around.expand(from)),
        sources: words.into_iter().filter(|word| !word.starts_with("<<")).map(|word| around.expand(&word)).collect(),
        target: (!expanded.contains('$')).then(|| absolute(&around.workdir, &expanded)),
        into: expanded.ends_with('/') || matches!(last, "" | "." | ".."),
        to,
    }
}

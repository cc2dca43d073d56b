//! Fixes as edits of the build: what to change in a Dockerfile, and what that saves.
//!
//! Owns the choice of edits, the conditions under which one is safe, their prediction, and their diff. Leaves which bytes are wasted
//! to `waste`, and building and measuring to `prove`.

mod cleanup;
mod context;
mod diff;
mod edit;
mod join;
mod owner;
mod plan;
mod predict;
mod remove;
mod uses;

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

pub use edit::{Change, File};
pub use plan::{Edit, Edited, NoSuchEdit, Plan, Replacement, Without};
pub use predict::Effect;

use crate::build::{Build, Step, StepId};
use crate::image::Image;
use crate::tree::{Event, EventRef, NodeId, Tree};
use crate::waste::{Accounts, Finding, Kind, Later, Need, Rules};

/// The `.dockerignore` of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreFile {
    /// Where it is, or would be.
    pub path: String,
    /// Its text; None where there is none yet.
    pub text: Option<String>,
}

/// What edits are made from.
pub struct Input<'a> {
    /// The file system's history.
    pub tree: &'a Tree,
    /// What the documents say.
    pub image: &'a Image,
    /// The catalogue.
    pub rules: &'a Rules,
    /// Users and groups of the image.
    pub accounts: &'a Accounts,
    /// What is wasted.
    pub findings: &'a [Finding],
    /// The Dockerfile, bound to the image.
    pub build: &'a Build,
    /// The `.dockerignore`; None where the build context is not at hand.
    pub ignore: Option<&'a IgnoreFile>,
    /// Content of all layers, bytes.
    pub content_bytes: u64,
}

/// What is looked up again and again while edits are chosen.
struct Planner<'a> {
    tree: &'a Tree,
    image: &'a Image,
    rules: &'a Rules,
    accounts: &'a Accounts,
    findings: &'a [Finding],
    build: &'a Build,
    ignore: Option<&'a IgnoreFile>,
    /// The steps that make the image.
    chain: Vec<StepId>,
    /// By layer: its step's place in the chain.
    by_layer: FxHashMap<u16, usize>,
    /// Files that a step stores again for another owner or mode.
    stored_again: FxHashSet<EventRef>,
    /// Files that joined steps do not store any more: nothing else needs to be done about them.
    unstored: FxHashSet<EventRef>,
    /// The builder was `BuildKit`, or the Dockerfile needs it.
    is_buildkit: bool,
}

impl<'a> Planner<'a> {
    fn new(input: &Input<'a>) -> Self {
        let Input { tree, image, rules, accounts, findings, build, ignore, .. } = *input;
        let chain = build.chain();
        let layers = chain.iter().enumerate().filter_map(|(index, id)| Some((build.step(*id).layer?, index)));
        // The base image may be another builder's.
        let rows = chain.iter().filter_map(|id| image.history.get(build.step(*id).row?));
        let recorded = rows.into_iter().any(|row| {
            let comment = row.comment.as_deref().unwrap_or_default();
            comment.contains("buildkit") || row.created_by.as_deref().unwrap_or_default().ends_with("# buildkit")
        });
        let by_layer = layers.collect();
        let again = findings.iter().filter(|finding| finding.kind == Kind::Metadata);
        let stored_again = again.flat_map(|finding| finding.charged.iter().copied()).collect();
        let is_buildkit = build.needs_buildkit() || recorded;
        Self {
            tree,
            image,
            rules,
            accounts,
            findings,
            build,
            ignore,
            chain,
            by_layer,
            stored_again,
            unstored: FxHashSet::default(),
            is_buildkit,
        }
    }

    /// Who may need the files of a rule later; of no rule, whoever `otherwise` says.
    fn later(&self, rule: Option<&str>, otherwise: Need) -> Later {
        let own = rule.and_then(|rule| self.rules.get(rule)).map(|rule| rule.later.clone());
        own.unwrap_or(Later { need: otherwise, ..Later::default() })
    }

    fn step(&self, index: usize) -> &'a Step {
        self.build.step(self.chain[index])
    }

    /// The files of some findings that are stored without another edit.
    fn files<'p>(&'p self, findings: &'p [usize]) -> impl Iterator<Item = EventRef> + 'p {
        let files = findings.iter().flat_map(|finding| self.findings[*finding].charged.iter().copied());
        files.filter(|file| !self.unstored.contains(file))
    }

    /// What becomes of files: a step may store them again for another owner or mode.
    fn lives(&self, files: &[EventRef]) -> Lives {
        let mut lives = Lives { copies: files.to_vec(), last: Vec::new(), dead_by: None };
        let mut end = 0;
        for file in files {
            let mut at = *file;
            loop {
                let event = self.tree.event_at(at);
                let next = if event.until == Event::HOLDS { None } else { self.tree.state(event.node, event.until) };
                let Some(next) = next.filter(|next| self.stored_again.contains(next)) else { break };
                lives.copies.push(next);
                at = next;
            }
            lives.last.push(at);
            end = end.max(self.tree.event_at(at).until);
        }
        lives.dead_by = Some(end).filter(|end| usize::from(*end) < self.tree.layers.len());
        lives
    }

    /// The layers of the `RUN`s from one step to another that become one.
    fn layers(&self, (first, last): (usize, usize)) -> Vec<u16> {
        join::members(self, first, last).into_iter().filter_map(|index| self.step(index).layer).collect()
    }

    fn index_of(&self, layer: u16) -> Option<usize> {
        self.by_layer.get(&layer).copied()
    }
}

/// What becomes of some files.
struct Lives {
    /// They, and all that stores them again.
    copies: Vec<EventRef>,
    /// What is there of each in the end.
    last: Vec<EventRef>,
    /// The layer that takes the last of them away; None when some stay.
    dead_by: Option<u16>,
}

/// What an edit is to do, before it is known which others touch the same steps.
#[derive(Debug, Clone, Default)]
struct Intent {
    findings: Vec<usize>,
    message: String,
    /// Commands for the end of steps, by place in the chain.
    appends: BTreeMap<usize, Vec<String>>,
    /// Steps that become one, the first and the last by place in the chain.
    joins: Vec<(usize, usize)>,
    changes: Vec<Change>,
    effect: Effect,
    /// Paths that the final file system has no more.
    gone: Vec<NodeId>,
    /// What the builder has to be able to do.
    needs: Option<String>,
    /// Why steps are joined.
    why: Option<String>,
}

/// Both ends of a text that is long.
fn shorten(text: &str) -> String {
    const WIDTH: usize = 40;
    let count = text.chars().count();
    if count <= WIDTH {
        return text.to_owned();
    }
    text.chars().take(WIDTH / 2 - 1).chain(['…']).chain(text.chars().skip(count - WIDTH / 2)).collect()
}

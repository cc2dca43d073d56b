//! Words: what a finding is, and what to change in the Dockerfile, made from the instructions that the image records.

use super::accounts::{Accounts, owned, user_of};
use super::findings::{FindingPath, common_folder};
use super::kind::Kind;
use super::metadata::metadata_fix;
use super::named::rooted;
use super::rules::{Computed, Level, Rule, Rules};
use crate::build::{Copied, Source, is_archive, workdir_of};
use crate::bytes::{shown, shown_lines, shown_text};
use crate::image::Image;
use crate::tree::{Event, EventRef, NodeId, Tree};

/// What is known of a finding.
pub(super) struct Advice<'a> {
    pub(super) tree: &'a Tree,
    pub(super) image: &'a Image,
    pub(super) rules: &'a Rules,
    pub(super) accounts: &'a Accounts,
    pub(super) rule: Option<&'a Rule>,
    pub(super) kind: Kind,
    pub(super) in_base: bool,
    /// What secret the text of the one file holds.
    pub(super) secret_kind: Option<&'static str>,
    /// The instruction's text confirms the rule.
    pub(super) confirmed: bool,
    pub(super) stored_in: u16,
    pub(super) caused_by: u16,
    /// The layer that stored the same content before.
    pub(super) first_in: u16,
    pub(super) stored_by: &'a str,
    /// The same, with the target that the builder recorded.
    pub(super) copied_by: &'a str,
    /// The file with the most bytes.
    pub(super) largest: Option<NodeId>,
    pub(super) caused_by_text: &'a str,
    pub(super) first_by: &'a str,
    pub(super) paths: &'a [FindingPath],
    /// Of duplicates: the largest, and the file that has the same content.
    pub(super) twin: Option<(EventRef, EventRef)>,
    /// Of duplicates: the folder that has them all, and the one that holds the same.
    pub(super) twin_folders: Option<(NodeId, NodeId)>,
    /// The base image stored the same content before.
    pub(super) first_in_base: bool,
    pub(super) secret: Secrecy,
    /// User and group of all files, where they are the same.
    pub(super) owner: Option<(u32, u32)>,
    pub(super) files: u64,
}

/// Whether a rule for secrets names what is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    None,
    /// The file with the most bytes is one.
    Secret,
    /// Another file is one.
    HoldsOne,
}

/// What is said of it.
pub(super) struct Words {
    pub(super) message: String,
    pub(super) fix: String,
    pub(super) fix_mount: Option<String>,
    /// The layer whose instruction the fix changes.
    pub(super) fix_in: u16,
}

/// Paths that a command is written out for; more of them are told by a folder.
const SPELLED_OUT: usize = 4;

/// What an instruction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Run,
    Copy,
    CopyFromStage,
    Other,
}

pub(super) fn step(instruction: &str) -> Step {
    let (word, rest) = instruction.split_once(' ').unwrap_or((instruction, ""));
    match word {
        "RUN" => Step::Run,
        "COPY" if is_from_stage(instruction) => Step::CopyFromStage,
        // BuildKit does not record `--from`; who copies from the build context does not begin at its root.
        "COPY" if rest.split(' ').find(|word| !word.starts_with("--")).is_some_and(|word| word.starts_with('/')) => {
            Step::CopyFromStage
        }
        "COPY" | "ADD" => Step::Copy,
        _ => Step::Other,
    }
}

/// Whether an instruction says that it copies from another stage or image.
fn is_from_stage(instruction: &str) -> bool {
    instruction.split(' ').any(|word| word.starts_with("--from="))
}

/// The command of a RUN.
pub(super) fn command(instruction: &str) -> &str {
    instruction.strip_prefix("RUN ").unwrap_or(instruction)
}

/// A RUN of several steps: joined by `&&`, or in a here-document where one of them has lines of its own.
fn run(steps: &[&str]) -> String {
    if steps.iter().all(|step| !step.contains('\n')) {
        return format!("RUN {}", steps.join(" && "));
    }
    // The shell goes on after a command that fails, unless it is told not to.
    let mut lines: Vec<&str> = vec!["set -e"];
    for step in steps {
        let inner = step.strip_prefix("<<").and_then(|rest| {
            let (mark, rest) = rest.split_once('\n')?;
            Some((mark, rest.strip_suffix(mark)?.trim_end_matches('\n')))
        });
        lines.extend(inner.map_or(*step, |(_, body)| body).lines().filter(|line| *line != "set -e"));
    }
    let mark = ["EOF", "EOT", "END"].into_iter().find(|mark| !lines.contains(mark)).unwrap_or("EOF_");
    format!("RUN <<{mark}\n{}\n{mark}", lines.join("\n"))
}

pub(super) fn advise(about: &Advice<'_>) -> Words {
    let message = sentence(about);
    if about.kind == Kind::Secret {
        return secret_words(about, message);
    }
    if about.in_base {
        let fix = match about.kind {
            Kind::Duplicate | Kind::Advice => "in the base image: nothing in this Dockerfile can change it",
            _ => "in the base image; a later `rm` can not shrink it: use a smaller base, or ask its maintainer",
        };
        return Words { message, fix: fix.to_owned(), fix_mount: None, fix_in: about.stored_in };
    }
    if let Some(words) = copied_secret(about, &message) {
        return words;
    }
    Words {
        message,
        fix: shown_lines(&fix(about)),
        fix_mount: fix_mount(about).map(|text| shown_lines(&text)),
        fix_in: changed_by_fix(about),
    }
}

/// The layer whose instruction a fix changes: where the files come from, when that is what should be done otherwise.
fn changed_by_fix(about: &Advice<'_>) -> u16 {
    match (about.kind, step(about.first_by)) {
        (Kind::Metadata, Step::Run | Step::Copy | Step::CopyFromStage) | (Kind::Moved, _) if !about.first_in_base => {
            about.first_in
        }
        _ => about.stored_in,
    }
}

/// A secret that is copied for a later step is never to be stored, whatever the later step does with it.
fn copied_secret(about: &Advice<'_>, message: &str) -> Option<Words> {
    let origin = if about.kind == Kind::Deleted { about.stored_by } else { about.first_by };
    let copied = matches!(step(origin), Step::Copy | Step::CopyFromStage) && about.kind.is_dead();
    let node = about.largest.filter(|_| copied && about.secret == Secrecy::Secret)?;
    let path = about.tree.paths.path(node);
    let name = String::from_utf8_lossy(about.tree.paths.name(node)).into_owned();
    let id: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    let mount = format!("--mount=type=secret,id={id},target={}", quoted(&path));
    let fix = format!("never copy it, and rotate it; give it only to the step that needs it: RUN {mount} …");
    let fix_in = if about.kind == Kind::Deleted { about.stored_in } else { about.first_in };
    Some(Words { message: message.to_owned(), fix: shown_text(&fix), fix_mount: None, fix_in })
}

fn sentence(about: &Advice<'_>) -> String {
    let Advice { stored_in: a, caused_by: b, first_in, .. } = about;
    let place = match about.paths {
        [] => String::new(),
        [one] => cut(&shown(&about.tree.paths.path(one.node))),
        several => {
            let common = common_folder(about.tree, several);
            let folder = cut(&shown(&about.tree.paths.path(common)));
            if folder.is_empty() { "several places".to_owned() } else { format!("below {folder}") }
        }
    };
    let files = match about.secret_kind {
        Some(kind) => kind.to_owned(),
        None if about.files == 1 => "1 file".to_owned(),
        None => format!("{} files", about.files),
    };
    let copied = matches!(step(about.stored_by), Step::Copy | Step::CopyFromStage);
    let what = match about.kind {
        Kind::Deleted if about.in_base => format!("part of the base image, deleted in layer {b}: still pulled"),
        Kind::Deleted if copied => format!("copied in layer {a}, deleted in layer {b}"),
        Kind::Deleted => format!("written in layer {a}, deleted in layer {b}"),
        Kind::Overwritten if about.in_base => format!("files of the base image, replaced in layer {b}"),
        Kind::Overwritten if copied => format!("copied in layer {a}, replaced with other content in layer {b}"),
        Kind::Overwritten => format!("written in layer {a}, changed in layer {b}"),
        Kind::Rewritten if matches!(step(about.caused_by_text), Step::Copy | Step::CopyFromStage) => {
            format!("copied again unchanged in layer {b}, after layer {first_in}")
        }
        Kind::Rewritten | Kind::Metadata if is_churn(about) => {
            format!("the same bytes stored again by layer {b}, after layer {first_in}: every install does this")
        }
        Kind::Rewritten => format!("the same bytes stored again by layer {b}, after layer {first_in}"),
        Kind::Metadata => format!("stored again by layer {b} for another mode or owner, after layer {first_in}"),
        Kind::Moved => format!("stored again under another name by layer {b}, after layer {first_in}"),
        Kind::Shadowed => format!("the same path several times in layer {a}"),
        Kind::Masked => "below /proc, /sys or /dev: a mount hides it at run time".to_owned(),
        Kind::Cruft | Kind::Advice => {
            let from = match step(about.stored_by) {
                Step::CopyFromStage if is_from_stage(about.stored_by) => {
                    format!(", copied from another stage in layer {a}")
                }
                Step::Copy | Step::CopyFromStage => format!(", copied in layer {a}"),
                _ => format!(", left in layer {a}"),
            };
            let what = about.rule.map(|rule| rule.what.as_str()).unwrap_or_default();
            format!("{what}{from}{}{}", late_cleaning(about), why_kept(about))
        }
        Kind::Duplicate if about.twin_folders.is_some() => {
            let layer = about.twin.map_or(0, |(_, kept)| kept.layer);
            let folder = about.twin_folders.map(|(_, kept)| cut(&shown(&about.tree.paths.path(kept))));
            format!("the same files as {} (layer {layer})", folder.unwrap_or_default())
        }
        Kind::Duplicate => match about.twin {
            Some((_, kept)) => {
                let kept_path = cut(&shown(&about.tree.paths.path(about.tree.event_at(kept).node)));
                format!("the same content as {kept_path} (layer {})", kept.layer)
            }
            None => "the same content as other files".to_owned(),
        },
        Kind::Secret if b > a => format!("hidden in layer {b}, but still to be read from layer {a}"),
        Kind::Secret => format!("can be read by everyone who has the image (layer {a})"),
    };
    let name = about.rule.map(|rule| format!("{}: ", rule.id)).unwrap_or_default();
    let at = match (about.kind, about.twin) {
        (Kind::Duplicate, Some(_)) if about.twin_folders.is_some() => {
            let folder = about.twin_folders.map(|(own, _)| cut(&shown(&about.tree.paths.path(own))));
            format!("{} ({files})", folder.unwrap_or_default())
        }
        (Kind::Duplicate, Some((file, _))) if about.files > 1 => {
            let path = cut(&shown(&about.tree.paths.path(about.tree.event_at(file).node)));
            format!("{path} and others ({files})")
        }
        _ => format!("{place} ({files})"),
    };
    format!("{name}{at}: {what}")
}

/// Why files are there although the base image deletes them.
fn why_kept(about: &Advice<'_>) -> String {
    let Some(cleaner) = about.rule.map(|rule| &rule.cleaned_by).filter(|cleaner| !cleaner.is_empty()) else {
        return String::new();
    };
    let node = about.tree.paths.find(cleaner.trim_start_matches('/').as_bytes());
    let last = node.and_then(|node| about.tree.events_of(node).next());
    match last {
        None => format!("; the base image has no {cleaner}, which would delete them"),
        Some((_, event)) if event.until != Event::HOLDS => {
            format!("; layer {} takes {cleaner} away, which would delete them", event.until)
        }
        Some(_) => String::new(),
    }
}

/// What every step that installs packages stores again.
fn is_churn(about: &Advice<'_>) -> bool {
    about.rule.is_some_and(|rule| rule.level == Level::Label)
}

/// A later step that cleans up what it can't take out of this layer any more.
fn late_cleaning(about: &Advice<'_>) -> String {
    let Some(clean) = about.rule.map(|rule| rule.clean.as_str()).filter(|clean| !clean.is_empty()) else {
        return String::new();
    };
    let layers = about.image.layers.len();
    let late = (usize::from(about.stored_in) + 1..layers)
        .find(|layer| about.image.instruction(*layer).is_some_and(|text| text.contains(clean)));
    late.map(|late| format!("; the clean-up runs too late, in layer {late}")).unwrap_or_default()
}

fn secret_words(about: &Advice<'_>, message: String) -> Words {
    let rule = about.rule;
    let fix_mount = rule.and_then(|rule| about.rules.fix_mount(rule)).map(str::to_owned);
    let fix = rule.map(|rule| rule.fix_run.clone()).unwrap_or_default();
    let fix = if fix.contains("rotate") { fix } else { format!("rotate it; {fix}") };
    Words { message, fix, fix_mount, fix_in: about.stored_in }
}

/// A path in a sentence: both ends of it, when it is long.
fn cut(path: &str) -> String {
    const WIDTH: usize = 60;
    let count = path.chars().count();
    if count <= WIDTH {
        return path.to_owned();
    }
    path.chars().take(WIDTH / 2 - 1).chain(['…']).chain(path.chars().skip(count - WIDTH / 2)).collect()
}

/// The command that writes the files, and the later ones that need them before they are deleted: those that name the same
/// tool, or one of the paths. They have to go into the same RUN.
fn steps_in_between(about: &Advice<'_>) -> Vec<String> {
    let first = command(about.stored_by);
    let tool = first.split_whitespace().next().unwrap_or_default();
    let paths: Vec<String> = about
        .paths
        .iter()
        .take(SPELLED_OUT)
        .map(|path| format!("/{}", String::from_utf8_lossy(&about.tree.paths.path(path.node))))
        .collect();
    let mut steps = vec![first.to_owned()];
    for layer in about.stored_in + 1..about.caused_by {
        let instruction = about.image.instruction(layer.into()).unwrap_or_default();
        let text = command(&instruction);
        // Package managers leave to the next step what they do not name.
        let same_tool = about.rule.is_some()
            && text.split(|c: char| c.is_whitespace() || ";&|()".contains(c)).any(|word| word == tool);
        if step(&instruction) == Step::Run && (same_tool || paths.iter().any(|path| text.contains(path))) {
            steps.push(text.to_owned());
        }
    }
    steps
}

/// Paths for a shell, quoted where they must be.
fn for_shell(about: &Advice<'_>) -> String {
    let folder_of = |path: &FindingPath| about.tree.paths.parent(path.node).unwrap_or(path.node);
    let mut nodes: Vec<_> = about.paths.iter().map(|path| path.node).collect();
    if nodes.len() > SPELLED_OUT {
        // The folder of the largest says where to look; what else goes is in the list of paths.
        nodes = about.paths.first().map(folder_of).into_iter().collect();
        let path = about.tree.paths.path(nodes[0]);
        return format!("{}/…", quoted(&path));
    }
    nodes.into_iter().map(|node| quoted(&about.tree.paths.path(node))).collect::<Vec<_>>().join(" ")
}

fn quoted(path: &[u8]) -> String {
    let text = format!("/{}", String::from_utf8_lossy(path));
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@%,:".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// The topmost directory of which the rule names whatever it holds.
fn top_of_rule(about: &Advice<'_>, node: NodeId) -> Option<NodeId> {
    let rule = about.rules.id_of(&about.rule?.id)?;
    let paths = &about.tree.paths;
    let names_all = |node: &NodeId| {
        let mut path = Vec::new();
        rooted(about.tree, *node, &mut path);
        about.rules.matches_all_in(rule, &path)
    };
    let chain = std::iter::successors(Some(node), |above| paths.parent(*above));
    chain.take_while(|node| *node != NodeId::ROOT).filter(names_all).last()
}

/// What the rule names, for `rm -rf`: what its directories hold, or the files.
fn leftovers(about: &Advice<'_>) -> String {
    let mut places: Vec<String> = Vec::new();
    for path in about.paths {
        let place = match top_of_rule(about, path.node) {
            Some(top) => format!("{}/*", quoted(&about.tree.paths.path(top))),
            None => quoted(&about.tree.paths.path(path.node)),
        };
        if !places.contains(&place) {
            places.push(place);
        }
        if places.len() > SPELLED_OUT {
            return for_shell(about);
        }
    }
    places.join(" ")
}

/// What the instruction that stores them copies, where it says so.
fn copied(about: &Advice<'_>) -> Option<Copied> {
    Copied::of(about.copied_by, &workdir_of(about.image, about.stored_in))
}

/// Where a path of the finding was copied from; all of what was copied, when the path holds its target.
fn sources_of(about: &Advice<'_>, copied: &Copied, node: NodeId) -> Option<Vec<Source>> {
    let tree = about.tree;
    let path = format!("/{}", String::from_utf8(tree.paths.path(node)).ok()?);
    if format!("{}/", copied.to()).starts_with(&format!("{path}/")) {
        return copied.all();
    }
    let has_others = |name: &str| {
        let folder = tree.paths.find(copied.to().trim_start_matches('/').as_bytes());
        let entries = folder.into_iter().flat_map(|folder| tree.entries(folder, about.stored_in));
        let mut own = entries.filter(|(_, at)| at.layer == about.stored_in);
        own.any(|(node, _)| tree.paths.name(node) != name.as_bytes())
    };
    copied.source_of(&path, has_others).map(|source| vec![source])
}

/// What to leave out of the build context for a path of the finding: all that the rule names together, as far as it was
/// copied together.
fn left_out(about: &Advice<'_>, copied: Option<&Copied>, node: NodeId) -> NodeId {
    let below = |top: &NodeId| match copied {
        Some(copied) => {
            let path = [b"/", &about.tree.paths.path(*top)[..]].concat();
            path.starts_with(format!("{}/", copied.to()).as_bytes())
        }
        // A name that is a rule's own wherever it is.
        None => about.rule.is_some_and(|rule| rule.globs.iter().any(|glob| glob.starts_with("**/"))),
    };
    top_of_rule(about, node).filter(below).unwrap_or(node)
}

/// Lines for `.dockerignore` that keep the files out of the build context: what they are called there, else their name
/// wherever it is.
fn ignore_lines(about: &Advice<'_>) -> String {
    let copied = copied(about);
    let mut nodes: Vec<NodeId> = Vec::new();
    for path in about.paths {
        let node = left_out(about, copied.as_ref(), path.node);
        if !nodes.contains(&node) {
            nodes.push(node);
        }
        if nodes.len() > SPELLED_OUT {
            break;
        }
    }
    let name = |node: NodeId| about.tree.paths.name(node);
    let same_name = nodes.len() > 1 && nodes.iter().all(|node| name(*node) == name(nodes[0]));
    let copied = copied.filter(|_| !same_name && nodes.len() <= SPELLED_OUT);
    let context = |source| match source {
        Source::Context(path) => Some(format!("`{path}`")),
        _ => None,
    };
    let lines = nodes.iter().map(|node| {
        let sources = sources_of(about, copied.as_ref()?, *node)?;
        sources.into_iter().map(context).collect::<Option<Vec<String>>>()
    });
    let lines: Option<Vec<Vec<String>>> = lines.collect();
    if let Some(lines) = lines.filter(|lines| !lines.is_empty()) {
        return lines.concat().join(" and ");
    }
    if about.kind == Kind::Deleted && !same_name && nodes.len() <= SPELLED_OUT {
        // What went away went as a whole: a folder has all that is told of it.
        return nodes.iter().map(|node| format!("`**/{}`", shown(name(*node)))).collect::<Vec<_>>().join(" and ");
    }
    let is_whole = |node: &NodeId| about.kind == Kind::Deleted || about.paths.iter().all(|path| path.node != *node);
    let whole = nodes.first().copied().filter(is_whole);
    let node = whole.or(about.largest).or(nodes.first().copied());
    format!("`**/{}`", node.map(|node| shown(name(node))).unwrap_or_default())
}

/// Where the largest comes from.
fn source(about: &Advice<'_>) -> Option<Source> {
    let (copied, path) = copied(about).zip(about.paths.first())?;
    sources_of(about, &copied, path.node)?.into_iter().next()
}

/// How what was copied is kept out.
fn copied_fix(about: &Advice<'_>) -> String {
    match source(about) {
        Some(Source::Remote(url)) => {
            format!("get `{url}` in the RUN that needs it, and delete what is left over there")
        }
        Some(Source::Archive(name)) => format!("leave it out of `{name}`, which `{}` unpacks", about.stored_by),
        _ => format!("keep it out of the build context: add {} to .dockerignore", ignore_lines(about)),
    }
}

/// How what is only copied for a later step, and deleted then, is not stored.
fn borrowed_fix(about: &Advice<'_>) -> String {
    let Some(largest) = about.largest else { return copied_fix(about) };
    let target = String::from_utf8_lossy(&about.tree.paths.path(largest)).into_owned();
    let name = target.rsplit('/').next().unwrap_or_default();
    let reader = (about.stored_in + 1..=about.caused_by).find_map(|layer| {
        let text = about.image.instruction(layer.into()).filter(|text| step(text) == Step::Run)?;
        Some((layer, without_removal(command(&text), name))).filter(|(_, text)| names(text, name))
    });
    let source = match source(about) {
        Some(Source::Context(source)) => source,
        Some(Source::Remote(url)) => {
            return format!("get it and delete it in one RUN: `curl -fsSLo {} {url}`", quoted(target.as_bytes()));
        }
        Some(Source::Archive(_)) => return copied_fix(about),
        None => "…".to_owned(),
    };
    match reader {
        Some((layer, text)) if is_archive(name) && unpacks(&text) && about.files == 1 => {
            format!(
                "let the builder unpack it: `ADD {source} {}/` instead of `RUN {text}`",
                unpacked_to(about, layer, &text)
            )
        }
        Some((_, text)) if about.files == 1 => {
            let mount = format!("--mount=type=bind,source={source},target={}", quoted(target.as_bytes()));
            format!("do not copy it; read it where it is needed: RUN {mount} {text}")
        }
        _ if about.secret != Secrecy::None => copied_fix(about),
        _ => format!(
            "do not copy it: add {} to .dockerignore, or read it in the RUN that needs it with \
             `--mount=type=bind,source={source}`",
            ignore_lines(about)
        ),
    }
}

/// Whether a command names a file, wherever it is.
fn names(command: &str, name: &str) -> bool {
    command.split(|c: char| c.is_whitespace() || ";&|()<>".contains(c)).any(|word| base(word) == name)
}

/// A command without its steps that only remove the file.
fn without_removal(command: &str, name: &str) -> String {
    let steps = command.split("&&").map(str::trim);
    let stays = |step: &&str| !(step.starts_with("rm ") && names(step, name));
    steps.filter(stays).collect::<Vec<_>>().join(" && ")
}

fn base(word: &str) -> &str {
    word.trim_matches(['"', '\'']).rsplit('/').next().unwrap_or_default()
}

fn unpacks(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    words.windows(2).any(|pair| base(pair[0]) == "tar" && pair[1].trim_start_matches('-').contains('x'))
}

/// The directory that a `tar` in the RUN of a layer unpacks into.
fn unpacked_to(about: &Advice<'_>, layer: u16, text: &str) -> String {
    let mut words = text.split_whitespace();
    let named = words.by_ref().find_map(|word| match word {
        "-C" | "--directory" => Some(None),
        word => word.strip_prefix("--directory=").map(|place| Some(place.to_owned())),
    });
    let place = match named {
        Some(Some(place)) => place,
        Some(None) => words.next().unwrap_or_default().to_owned(),
        None => workdir_of(about.image, layer),
    };
    place.trim_end_matches('/').to_owned()
}

fn fix(about: &Advice<'_>) -> String {
    let Advice { caused_by_text, stored_in, caused_by, first_in, .. } = about;
    let stored_by = &told(about.stored_by, *stored_in);
    let first_by = &told(about.first_by, *first_in);
    match (about.kind, step(stored_by)) {
        (Kind::Masked, _) => format!("do not write there: a mount hides it in every container (layer {stored_in})"),
        (Kind::Cruft | Kind::Advice | Kind::Secret, _) => cruft_fix(about),
        (Kind::Duplicate, _) => duplicate_fix(about),
        (Kind::Shadowed, _) => {
            "a fault of the tool that built the image: it wrote a path more than once into one layer".to_owned()
        }
        (Kind::Deleted, Step::Run) => {
            let clean = about.rule.map(|rule| rule.clean.as_str()).filter(|clean| clean.starts_with("rm "));
            let clean = clean.map_or_else(|| format!("rm -rf {}", for_shell(about)), str::to_owned);
            run(&steps_in_between(about).iter().map(String::as_str).chain([clean.as_str()]).collect::<Vec<_>>())
        }
        (Kind::Deleted, Step::Copy) => borrowed_fix(about),
        (Kind::Deleted | Kind::Overwritten, Step::CopyFromStage) => {
            format!(
                "copy less in `{stored_by}`: name the paths that are needed, or delete the rest where it comes from"
            )
        }
        (Kind::Overwritten, Step::Run) if step(caused_by_text) == Step::Run => {
            let cache = about.rule.filter(|rule| rule.level == super::Level::On && !rule.clean.is_empty());
            if let Some(rule) = cache.filter(|_| about.confirmed) {
                // A cache that the next step makes anew is not worth keeping for it.
                run(&[command(stored_by), &rule.clean])
            } else if is_churn(about) {
                format!("merge the steps that install: {}", run(&[command(stored_by), command(caused_by_text)]))
            } else {
                format!("make the change where it is written: {}", run(&[command(stored_by), command(caused_by_text)]))
            }
        }
        (Kind::Overwritten, Step::Copy) => {
            format!(
                "copy it once: keep it out of `{stored_by}` (layer {stored_in}), since `{caused_by_text}` replaces it"
            )
        }
        (Kind::Rewritten, Step::Copy | Step::CopyFromStage) if about.first_in_base => {
            format!("remove what is unchanged from `{stored_by}` (layer {stored_in}): the base image has it")
        }
        (Kind::Rewritten, _) if about.first_in_base => {
            format!("leave the files alone in `{stored_by}`: the base image has them")
        }
        (Kind::Moved, _) if about.first_in_base => format!(
            "leave it where the base image has it, and make a symbolic link to it in `{stored_by}` (layer {stored_in})"
        ),
        (Kind::Rewritten, Step::Copy | Step::CopyFromStage) => format!(
            "remove what is unchanged from `{stored_by}` (layer {stored_in}): `{first_by}` (layer {first_in}) has it"
        ),
        (Kind::Rewritten, _) => {
            format!("leave the files alone in `{stored_by}`, or do it where they are written: `{first_by}`")
        }
        (Kind::Metadata, _) => metadata_fix(about),
        (Kind::Moved, _) if step(first_by) == Step::Run && step(stored_by) == Step::Run => {
            format!(
                "write it to its place at once, or move it where it is written: {}",
                run(&[command(first_by), command(stored_by)])
            )
        }
        (Kind::Moved, _) => {
            format!(
                "write it to its place at once, in `{first_by}` (layer {first_in}), instead of moving it in layer {caused_by}"
            )
        }
        (Kind::Deleted | Kind::Overwritten, _) => {
            format!("do it in the step that writes it (layer {stored_in}), not in layer {caused_by}")
        }
    }
}

/// An instruction, or what to say where none is recorded.
fn told(instruction: &str, layer: u16) -> String {
    if instruction.is_empty() { format!("the step that makes layer {layer}") } else { instruction.to_owned() }
}

/// The files stay, and what they carry for debuggers goes: where they are made.
fn strip_fix(about: &Advice<'_>) -> String {
    let strip = format!("strip --strip-unneeded {}", for_shell(about));
    match step(about.stored_by) {
        Step::Run => run(&[command(about.stored_by), &strip]),
        Step::CopyFromStage => {
            format!("`strip --strip-unneeded` them in the build stage, before `{}`", about.stored_by)
        }
        Step::Copy => "`strip --strip-unneeded` them before they are copied".to_owned(),
        Step::Other => format!("{strip}, in the tool that made layer {}", about.stored_in),
    }
}

/// How live files that should not be there are kept out, from what brought them.
fn cruft_fix(about: &Advice<'_>) -> String {
    let Some(rule) = about.rule else { return String::new() };
    if rule.computed == Some(Computed::Symbols) {
        return strip_fix(about);
    }
    match step(about.stored_by) {
        Step::Run => {
            let command = command(about.stored_by);
            if let Some(changed) = about.rules.with_flag(rule, command) {
                return format!("RUN {changed}");
            }
            if about.kind == Kind::Advice && rule.level == super::Level::Advice {
                return rule.fix_run.clone();
            }
            let clean = match rule.clean.as_str() {
                // A command of a tool that the step does not use may not be there.
                clean
                    if !clean.is_empty()
                        && (about.confirmed || clean.starts_with("rm ") || clean.starts_with("find ")) =>
                {
                    if command.contains("microdnf") { clean.replace("dnf ", "microdnf ") } else { clean.to_owned() }
                }
                _ => format!("rm -rf {}", leftovers(about)),
            };
            run(&[command, &clean])
        }
        Step::Copy => copied_fix(about),
        Step::CopyFromStage => format!(
            "copy less in `{}`: name the paths that are needed, or delete the rest where it comes from",
            about.stored_by
        ),
        Step::Other => format!("leave {} out in the tool that made layer {}", for_shell(about), about.stored_in),
    }
}

/// Whether a normal path without its leading `/` is kept by packages or the system, which would not know of a link there.
fn is_kept_by_others(path: &[u8]) -> bool {
    const SYSTEM: [&[u8]; 9] =
        [b"usr/", b"lib/", b"lib32/", b"lib64/", b"bin/", b"sbin/", b"etc/", b"var/lib/", b"var/cache/"];
    const PACKAGES: [&[u8]; 5] = [b"site-packages", b"dist-packages", b"node_modules", b"gems", b"vendor"];
    let is_own = path.starts_with(b"usr/local/") || path.starts_with(b"usr/src/");
    SYSTEM.iter().any(|start| path.starts_with(start)) && !is_own
        || path.split(|byte| *byte == b'/').any(|part| PACKAGES.contains(&part))
}

fn duplicate_fix(about: &Advice<'_>) -> String {
    let node = |file: EventRef| about.tree.event_at(file).node;
    let twins = about.twin_folders.or(about.twin.map(|(file, kept)| (node(file), node(kept))));
    if let Some((own, kept)) = twins
        && [own, kept].iter().any(|node| is_kept_by_others(&about.tree.paths.path(*node)))
    {
        return "no change is known to be safe: packages or the system keep one of the two, and would not know of a link"
            .to_owned();
    }
    if let Some((own, kept)) = about.twin_folders {
        let link = format!("ln -s {} {}", quoted(&about.tree.paths.path(kept)), quoted(&about.tree.paths.path(own)));
        return match step(about.stored_by) {
            Step::Run => {
                format!("link the folder instead of copying it: `{link}`, in the RUN of layer {}", about.stored_in)
            }
            _ => format!("copy the folder once, and make the other a symbolic link: RUN {link}"),
        };
    }
    let Some((file, kept)) = about.twin else { return "store it once, and make symbolic links".to_owned() };
    if about.files > 1 {
        return "store each of them once, and make the others links to it".to_owned();
    }
    let path = |file: EventRef| quoted(&about.tree.paths.path(node(file)));
    let (own, other) = (path(file), path(kept));
    match step(about.stored_by) {
        Step::Run if file.layer == kept.layer => {
            let link = format!("ln -f {other} {own}");
            format!("make both names one file in that step: {}", run(&[command(about.stored_by), &link]))
        }
        Step::Run => {
            format!("make a symbolic link instead: `ln -s {other} {own}`, in the RUN of layer {}", about.stored_in)
        }
        _ => format!("copy it once, and make the other a symbolic link: RUN ln -s {other} {own}"),
    }
}

/// The instruction with the mounts that the rule knows.
fn fix_mount(about: &Advice<'_>) -> Option<String> {
    let rule = about.rule.filter(|_| step(about.stored_by) == Step::Run)?;
    let text = about.rules.fix_mount(rule)?;
    let mounts = text.split(' ').filter(|word| word.starts_with("--mount=type=cache"));
    let mounts: Vec<String> = match user_of(about.image, about.stored_in) {
        None => mounts.map(str::to_owned).collect(),
        Some(user) => {
            // One that belongs to another could not be written.
            let owner = about.accounts.owner(&user, &about.image.config.run.env).ok()?;
            mounts.map(|mount| owned(mount, &owner)).collect()
        }
    };
    // Steps that need the files get the mount too; what deleted them would only empty the cache.
    (!mounts.is_empty() && matches!(about.kind, Kind::Deleted | Kind::Overwritten | Kind::Cruft)).then(|| {
        let steps = steps_in_between(about);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        format!("RUN {} {}", mounts.join(" "), command(&run(&steps)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_safe_for_a_shell() {
        assert_eq!(quoted(b"var/lib/apt"), "/var/lib/apt");
        assert_eq!(quoted(b"a b"), "'/a b'");
        assert_eq!(quoted(b"it's;rm -rf"), r"'/it'\''s;rm -rf'");
    }

    #[test]
    fn steps_with_lines_of_their_own_stay_a_here_document() {
        assert_eq!(run(&["make", "rm -rf /x"]), "RUN make && rm -rf /x");
        assert_eq!(
            run(&["<<EOF\nmake\nmake install\nEOF", "rm -rf /x"]),
            "RUN <<EOF\nset -e\nmake\nmake install\nrm -rf /x\nEOF"
        );
        assert_eq!(run(&["make", "<<E cat > EOF\n a\nE"]), "RUN <<EOF\nset -e\nmake\n<<E cat > EOF\n a\nE\nEOF");
    }

    #[test]
    fn steps_are_told_by_their_first_word() {
        assert_eq!(step("RUN x"), Step::Run);
        assert_eq!(step("COPY --from=build /a /b"), Step::CopyFromStage);
        assert_eq!(step("ADD file:ab in /"), Step::Copy);
        assert_eq!(step(""), Step::Other);
    }
}

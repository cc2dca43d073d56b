use std::io::{self, Write};

use crate::waste::{Rule, Rules};

/// Lists all rules, a line each.
///
/// # Errors
/// When `out` can't be written.
pub fn write_rules(rules: &Rules, out: &mut impl Write) -> io::Result<()> {
    let width = rules.all().iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    for rule in rules.all() {
        writeln!(out, "{:<width$}  {:<9}  {}", rule.id, rule.level.name(), rule.what)?;
    }
    Ok(())
}

/// Explains one rule.
///
/// # Errors
/// When `out` can't be written.
pub fn write_rule(rules: &Rules, rule: &Rule, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{} ({}, {})", rule.id, rule.family, rule.level.name())?;
    writeln!(out, "{}", rule.what)?;
    if !rule.globs.is_empty() {
        writeln!(out)?;
    }
    for glob in &rule.globs {
        writeln!(out, "  matches  {glob}")?;
    }
    for glob in &rule.exclude {
        writeln!(out, "  but not  {glob}")?;
    }
    if !rule.moved_by.is_empty() {
        let places: Vec<String> = rule.moved_by.iter().map(ToString::to_string).collect();
        writeln!(out, "  also in  {}", places.join(", "))?;
    }
    if !rule.why.is_empty() {
        writeln!(out, "\n{}", wrapped(&rule.why))?;
    }
    if !rule.fix_run.is_empty() {
        writeln!(out, "\nfix: {}", rule.fix_run)?;
    }
    if let Some(fix) = rules.fix_mount(rule) {
        writeln!(out, "or:  {fix}")?;
    }
    if !rule.source.is_empty() {
        writeln!(out, "\nsource: {}", rule.source)?;
    }
    Ok(())
}

/// A text in lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

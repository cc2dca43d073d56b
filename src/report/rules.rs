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
    writeln!(out, "{}\n", rule.what)?;
    for glob in &rule.globs {
        writeln!(out, "  matches  {glob}")?;
    }
    for glob in &rule.exclude {
        writeln!(out, "  but not  {glob}")?;
    }
    if !rule.guards.is_empty() && rule.guards != "-" {
        writeln!(out, "\n{}", rule.guards)?;
    }
    if !rule.fix_run.is_empty() && rule.fix_run != "-" {
        writeln!(out, "\nfix: {}", rule.fix_run)?;
    }
    if let Some(fix) = rules.fix_mount(rule) {
        writeln!(out, "or:  {fix}")?;
    }
    if !rule.source.is_empty() && rule.source != "-" {
        writeln!(out, "\nsource: {}", rule.source)?;
    }
    Ok(())
}

//! Instructions, shell commands and Dockerfiles.

use explore::build::Build;
use explore::image::HistoryRow;
use explore::secret::Redacted;

/// Runs one input.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (dockerfile, history) = text.split_once('\0').unwrap_or((&text, ""));
    let rows: Vec<HistoryRow> = history
        .split('\u{1}')
        .take(64)
        .map(|row| HistoryRow { created_by: Some(Redacted::new(row)), ..HistoryRow::default() })
        .collect();
    for row in &rows {
        let _ = row.instruction();
    }
    if let Ok(mut build) = Build::parse("Dockerfile", dockerfile) {
        build.bind(&rows);
    }
}

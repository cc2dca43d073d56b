//! Instructions, shell commands and Dockerfiles.
#![no_main]

use explore::image::{HistoryRow, readable};
use explore::secret::Redacted;
use explore::waste::Lines;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (dockerfile, history) = text.split_once('\0').unwrap_or((&text, ""));
    let rows: Vec<HistoryRow> = history
        .split('\u{1}')
        .take(64)
        .map(|row| HistoryRow { created_by: Some(Redacted::new(row)), ..HistoryRow::default() })
        .collect();
    for row in &rows {
        if let Some(text) = &row.created_by {
            let _ = readable(text);
        }
    }
    let _ = Lines::of("Dockerfile", dockerfile, &rows);
});

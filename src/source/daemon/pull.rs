use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;

use super::connect::Daemon;
use super::error::EngineError;

/// Whether an image is to be pulled first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pull {
    /// Never.
    #[default]
    Never,
    /// When no engine has it.
    Missing,
    /// In any case.
    Always,
}

/// Gets what the engine says while it pulls.
pub(in super::super) type PullProgress<'p> = &'p mut dyn FnMut(&str);

impl Daemon {
    /// Pulls an image, for `platform` (`OS/ARCHITECTURE[/VARIANT]`) where one is given.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) fn pull(
        &self,
        name: &str,
        platform: Option<&str>,
        progress: PullProgress<'_>,
    ) -> Result<(), EngineError> {
        // Without a tag an engine would pull them all.
        let last = name.rsplit('/').next().unwrap_or(name);
        let whole = if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") };
        let mut options = CreateImageOptionsBuilder::default().from_image(&whole);
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        self.runtime.block_on(async {
            let mut answers = Box::pin(self.docker.create_image(Some(options.build()), None, None));
            while let Some(answer) = answers.next().await {
                let answer = answer.map_err(|error| match error.into() {
                    EngineError::NotFound => EngineError::NotInRegistry,
                    other => other,
                })?;
                if let Some(error) = answer.error_detail.and_then(|error| error.message) {
                    return Err(EngineError::Other(crate::bytes::shown_text(&error)));
                }
                let status = answer.status.unwrap_or_default();
                let of = answer.progress_detail.and_then(|detail| Some((detail.current?, detail.total?)));
                let of = of.map(|(read, of)| format!(" {read} of {of} bytes")).unwrap_or_default();
                let layer = answer.id.map(|id| format!("{id}: ")).unwrap_or_default();
                progress(&format!("{layer}{status}{of}"));
            }
            Ok(())
        })
    }
}

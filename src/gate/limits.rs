use super::pattern::PathPattern;

/// Limits on waste, of own layers or of all. None means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    /// At most so many percent of what is stored.
    pub wasted_percent: Option<f64>,
    /// At most so many bytes.
    pub wasted_bytes: Option<u64>,
    /// At least so much of what is stored is live, 0 to 1.
    pub efficiency: Option<f64>,
}

impl Bounds {
    /// Is there a limit at all?
    pub fn any(&self) -> bool {
        self.wasted_percent.is_some() || self.wasted_bytes.is_some() || self.efficiency.is_some()
    }
}

/// What an image is held against. A value that equals its limit holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// On what an instruction of this image could end.
    pub own: Bounds,
    /// On all waste.
    pub all: Bounds,
    /// While less is wasted, limits in percent and on efficiency hold.
    pub floor: u64,
    /// Bytes of content of all layers.
    pub image_size: Option<u64>,
    /// Layers.
    pub layers: Option<u64>,
    /// Bytes of content of the largest layer.
    pub layer_size: Option<u64>,
    /// By rule or kind: bytes of own waste, or secrets.
    pub rules: Vec<(String, u64)>,
    /// No secret may be left.
    pub deny_secrets: bool,
    /// Paths that the final file system may not have.
    pub forbid: Vec<PathPattern>,
    /// Paths that it must have.
    pub require: Vec<PathPattern>,
}

impl Limits {
    /// Whether only shares of what is stored are limited, so that a floor can hold for all of them.
    pub(super) fn only_shares(&self) -> bool {
        self.own.wasted_bytes.is_none() && self.all.wasted_bytes.is_none() && self.rules.is_empty()
    }
}

//! stub
use std::io;
use crate::source::Target;
use crate::inspect::{Options, InspectError};
/// stub
pub fn run(_t: Target, _o: Options) -> io::Result<Option<InspectError>> { Ok(None) }

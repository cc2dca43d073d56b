//! Prints the licences of the grammars that highlighting uses, for the archives of a release.

fn main() -> std::io::Result<()> {
    use std::io::Write as _;
    std::io::stdout().write_all(two_face::acknowledgement::listing().to_md().as_bytes())
}

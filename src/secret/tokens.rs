//! Tokens of well-known form, as their issuers document them.

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use regex::bytes::Regex;

/// A form of token.
struct Form {
    /// What it is, for people.
    name: &'static str,
    /// Literals of which every such token has one; the first 48 bytes before it may belong to the token, too.
    literals: &'static [&'static str],
    /// The whole token, ASCII only.
    pattern: &'static str,
}

const FORMS: [Form; 54] = [
    Form {
        name: "a GitHub token",
        literals: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        pattern: r"gh[pousr]_[A-Za-z0-9]{36,251}",
    },
    Form { name: "a GitHub token", literals: &["github_pat_"], pattern: r"github_pat_[A-Za-z0-9_]{30,244}" },
    Form {
        name: "a GitLab token",
        literals: &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-"],
        pattern: r"gl(?:pat|dt|rt|ptt|cbt|soat)-[A-Za-z0-9_.=-]{20,300}",
    },
    Form { name: "an AWS access key", literals: &["AKIA", "ASIA"], pattern: r"(?:AKIA|ASIA)[A-Z2-7][A-Z0-9]{15}" },
    Form { name: "a Slack token", literals: &["xox"], pattern: r"xox[abprsecd][-.][A-Za-z0-9.%-]{10,250}" },
    Form { name: "a Slack token", literals: &["xapp-"], pattern: r"xapp-[0-9]-[A-Za-z0-9-]{20,200}" },
    Form {
        name: "a Slack webhook",
        literals: &["hooks.slack.com/"],
        pattern: r"hooks\.slack\.com/services/T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{20,30}",
    },
    Form {
        name: "a Discord webhook",
        literals: &["/api/webhooks/"],
        pattern: r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80}",
    },
    Form { name: "an npm token", literals: &["npm_"], pattern: r"npm_[A-Za-z0-9]{36}" },
    Form { name: "a PyPI token", literals: &["pypi-"], pattern: r"pypi-[A-Za-z0-9_-]{50,250}" },
    Form { name: "a RubyGems key", literals: &["rubygems_"], pattern: r"rubygems_[0-9a-f]{48}" },
    Form { name: "a crates.io token", literals: &["cio"], pattern: r"cio[A-Za-z0-9]{32}" },
    Form { name: "a NuGet key", literals: &["oy2"], pattern: r"oy2[a-z0-9]{43}" },
    Form { name: "a Mailgun key", literals: &["key-"], pattern: r"key-[0-9a-f]{32}" },
    Form {
        name: "an Azure client secret",
        literals: &["7Q~", "8Q~"],
        pattern: r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",
    },
    Form { name: "a Docker Hub token", literals: &["dckr_"], pattern: r"dckr_[po]at_[A-Za-z0-9_-]{20,64}" },
    Form {
        name: "a Stripe key",
        literals: &["k_live_", "k_test_"],
        pattern: r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}",
    },
    Form { name: "a Stripe webhook secret", literals: &["whsec_"], pattern: r"whsec_[A-Za-z0-9+/=]{24,64}" },
    Form { name: "a Google API key", literals: &["AIza"], pattern: r"AIza[0-9A-Za-z_-]{35}" },
    Form { name: "a Google OAuth secret", literals: &["GOCSPX-"], pattern: r"GOCSPX-[A-Za-z0-9_-]{28}" },
    Form { name: "a Google OAuth token", literals: &["ya29."], pattern: r"ya29\.[A-Za-z0-9_-]{30,500}" },
    Form { name: "a Hugging Face token", literals: &["hf_"], pattern: r"hf_[A-Za-z0-9]{34}" },
    Form {
        name: "an OpenAI key",
        literals: &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        pattern: r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,200}",
    },
    Form { name: "an OpenAI key", literals: &["T3BlbkFJ"], pattern: r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}" },
    Form { name: "an Anthropic key", literals: &["sk-ant-"], pattern: r"sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{40,120}" },
    Form { name: "a SendGrid key", literals: &["SG."], pattern: r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}" },
    Form { name: "a Shopify token", literals: &["shp"], pattern: r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}" },
    Form {
        name: "a DigitalOcean token",
        literals: &["dop_v1_", "doo_v1_", "dor_v1_"],
        pattern: r"do[por]_v1_[a-f0-9]{64}",
    },
    Form {
        name: "a Terraform token",
        literals: &[".atlasv1."],
        pattern: r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}",
    },
    Form { name: "a Vault token", literals: &["hvs.", "hvb."], pattern: r"hv[sb]\.[A-Za-z0-9_-]{24,300}" },
    Form { name: "a Databricks token", literals: &["dapi"], pattern: r"dapi[0-9a-f]{32}(?:-[0-9])?" },
    Form { name: "a Linear key", literals: &["lin_api_"], pattern: r"lin_api_[A-Za-z0-9]{40}" },
    Form { name: "a Notion token", literals: &["ntn_"], pattern: r"ntn_[A-Za-z0-9]{46}" },
    Form { name: "a New Relic key", literals: &["NRAK-"], pattern: r"NRAK-[A-Z0-9]{27}" },
    Form { name: "a Grafana token", literals: &["glsa_"], pattern: r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}" },
    Form {
        name: "a Sentry token",
        literals: &["sntry"],
        pattern: r"sntry(?:s_eyJ[A-Za-z0-9+/=_-]{50,500}|u_[a-f0-9]{64})",
    },
    Form {
        name: "a PlanetScale token",
        literals: &["pscale_"],
        pattern: r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}",
    },
    Form { name: "a Postman key", literals: &["PMAK-"], pattern: r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}" },
    Form { name: "a Pulumi token", literals: &["pul-"], pattern: r"pul-[a-f0-9]{40}" },
    Form {
        name: "a Tailscale key",
        literals: &["tskey-"],
        pattern: r"tskey-(?:(?:auth|api|client|scim|webhook)-)?[A-Za-z0-9]{8,}(?:-[A-Za-z0-9]{8,64})?",
    },
    Form { name: "an Atlassian token", literals: &["ATATT3", "ATCTT3"], pattern: r"AT[AC]TT3[A-Za-z0-9_=-]{60,250}" },
    Form { name: "a Bitbucket token", literals: &["ATBB"], pattern: r"ATBB[A-Za-z0-9]{32}" },
    Form { name: "an Artifactory key", literals: &["AKCp"], pattern: r"AKCp[A-Za-z0-9]{69,70}" },
    Form { name: "a SonarQube token", literals: &["squ_", "sqp_"], pattern: r"sq[up]_[a-f0-9]{40}" },
    Form { name: "a Square token", literals: &["sq0"], pattern: r"sq0(?:atp-[A-Za-z0-9_-]{22}|csp-[A-Za-z0-9_-]{43})" },
    Form { name: "a Telegram bot token", literals: &[":AA"], pattern: r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}" },
    Form { name: "an Azure storage key", literals: &["AccountKey="], pattern: r"AccountKey=[A-Za-z0-9+/]{86}==" },
    Form {
        name: "a JSON Web Token",
        literals: &["eyJ"],
        pattern: r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}",
    },
    Form {
        name: "an age key",
        literals: &["AGE-SECRET-KEY-1"],
        pattern: r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    },
    Form { name: "a Replicate token", literals: &["r8_"], pattern: r"r8_[A-Za-z0-9]{37}" },
    Form { name: "a Groq key", literals: &["gsk_"], pattern: r"gsk_[A-Za-z0-9]{52}" },
    Form {
        name: "a Fly token",
        literals: &["fm2_", "fm1r_", "fm1a_"],
        pattern: r"fm[12][ar]?_[A-Za-z0-9+/=,_-]{60,800}",
    },
    Form { name: "a CircleCI token", literals: &["CCIPAT_"], pattern: r"CCIPAT_[A-Za-z0-9]{22}_[a-f0-9]{40}" },
    Form { name: "a Buildkite token", literals: &["bkua_"], pattern: r"bkua_[a-z0-9]{40}" },
];

/// All literals in one pattern.
static LITERALS: LazyLock<Regex> = LazyLock::new(|| {
    let all: Vec<String> = FORMS.iter().flat_map(|form| form.literals).map(|text| regex::escape(text)).collect();
    compiled(&format!("(?-u){}", all.join("|")))
});

/// The pattern of each form, compiled once one of its literals was met.
static PATTERNS: [OnceLock<Regex>; FORMS.len()] = [const { OnceLock::new() }; FORMS.len()];

pub(super) fn compiled(pattern: &str) -> Regex {
    // Constants, all of which a test compiles.
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("{error}"))
}

/// How many forms there are.
pub(super) fn kinds() -> usize {
    FORMS.len()
}

/// What a token of that form is, for people.
pub(super) fn kind_name(form: usize) -> &'static str {
    FORMS.get(form).map_or("a token", |form| form.name)
}

/// Bytes of the shortest token.
const SHORTEST: usize = 20;

/// All ones for a byte that tokens are made of, else zero. No branch and no table, so that many are classed at once.
const fn of_tokens(byte: u8) -> u8 {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // The digits, and what stands around them: `-`, `.`, `/` and `:`.
    let is_digit = byte.wrapping_sub(b'-') <= b':' - b'-';
    let is_mark = byte == b'_' || byte == b'+' || byte == b'=' || byte == b'%' || byte == b'~';
    ((is_letter | is_digit | is_mark) as u8).wrapping_neg()
}

/// Runs of at least [`SHORTEST`] bytes that tokens are made of, from the left. Such a run fills at least one block, so only
/// blocks that are full are looked at more closely.
struct Runs<'t> {
    text: &'t [u8],
    /// Where the piece that is looked at begins; None before the first.
    start: Option<usize>,
    /// Of its blocks: a byte of ones for each that tokens are made of.
    masks: [u64; BLOCKS],
    /// Its full blocks that were not passed yet, the first one in the lowest bit.
    full: u8,
    /// The mask of the block before it.
    before: u64,
    /// Where a run began that fills all up to it.
    open: Option<usize>,
}

/// Bytes of a block.
const BLOCK: usize = 8;
const BLOCKS: usize = 8;
/// Bytes that are classed at once.
const PIECE: usize = BLOCKS * BLOCK;
const _: () = assert!(SHORTEST >= 2 * BLOCK - 1);

impl<'t> Runs<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self { text, start: None, masks: [0; BLOCKS], full: 0, before: 0, open: None }
    }

    /// Goes on to the next piece. Behind the last byte is one that belongs to no token; None behind that.
    fn class_piece(&mut self) -> Option<()> {
        let start = self.start.map_or(0, |start| start + PIECE);
        let rest = self.text.get(start..)?;
        let piece = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut last = [0; PIECE];
            last[..rest.len()].copy_from_slice(rest);
            last
        });
        let classes = piece.map(of_tokens);
        (self.start, self.before, self.full) = (Some(start), self.masks[BLOCKS - 1], 0);
        for (place, block) in classes.as_chunks::<BLOCK>().0.iter().enumerate() {
            self.masks[place] = u64::from_le_bytes(*block);
            self.full |= u8::from(self.masks[place] == u64::MAX) << place;
        }
        Some(())
    }
}

impl Iterator for Runs<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let bytes = |bits: u32| bits as usize / 8;
        loop {
            if self.full == 0 && self.open.is_none() {
                self.class_piece()?;
                continue;
            }
            let start = self.start.unwrap_or(0);
            let (open, first) = match self.open.take() {
                Some(open) => (open, 0),
                None => {
                    let first = self.full.trailing_zeros() as usize;
                    let before = first.checked_sub(1).map_or(self.before, |before| self.masks[before]);
                    (start + first * BLOCK - bytes(before.leading_ones()), first)
                }
            };
            let behind = first + (self.full >> first).trailing_ones() as usize;
            let Some(last) = self.masks.get(behind) else {
                self.open = Some(open);
                self.class_piece()?;
                continue;
            };
            self.full &= u8::MAX << behind;
            let end = start + behind * BLOCK + bytes(last.trailing_ones());
            if end - open >= SHORTEST {
                return Some(open..end);
            }
        }
    }
}

/// Tokens in a text, from the left: the form of each, and where.
pub(super) fn tokens(text: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
    Runs::new(text).filter(|run| may_be_a_token(&text[run.clone()])).flat_map(|run| {
        let start = run.start;
        tokens_of_run(&text[run]).map(move |(form, range)| (form, start + range.start..start + range.end))
    })
}

static WITHOUT_DIGITS: LazyLock<Regex> = LazyLock::new(|| compiled("(?-u)hf_|AKIA|ASIA"));

/// Long names of programs have no digit. Of what was drawn, only these forms can do without.
fn may_be_a_token(run: &[u8]) -> bool {
    run.iter().any(u8::is_ascii_digit) || WITHOUT_DIGITS.is_match(run)
}

/// Bytes before a literal that can belong to a token, and behind it.
const AROUND: (usize, usize) = (48, 1024);

fn tokens_of_run(run: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
    let mut done = 0;
    LITERALS.find_iter(run).filter_map(move |literal| {
        if literal.start() < done {
            return None;
        }
        let from = literal.start().saturating_sub(AROUND.0).max(done);
        let window = &run[from..run.len().min(literal.end() + AROUND.1)];
        let fits = |form: &Form| form.literals.iter().any(|own| own.as_bytes() == literal.as_bytes());
        let mut forms = FORMS.iter().zip(&PATTERNS).enumerate().filter(|(_, (form, _))| fits(form));
        let (form, range) = forms.find_map(|(at, (form, pattern))| {
            let pattern = pattern.get_or_init(|| compiled(&format!(r"(?-u)\b(?:{})", form.pattern)));
            let found = pattern.find_iter(window).find(|found| from + found.end() > literal.start())?;
            let next = window.get(found.end()).copied().unwrap_or(b' ');
            let ends = !next.is_ascii_alphanumeric() && next != b'_';
            (ends && is_random(found.as_bytes())).then(|| (at, from + found.start()..from + found.end()))
        })?;
        done = range.end;
        Some((form, range))
    })
}

/// Whether a token looks as if it had been drawn, and not written: examples repeat a letter, count up, or say that they are one.
pub(super) fn is_random(token: &[u8]) -> bool {
    const PARTS: [&str; 11] = [
        "example",
        "xxxx",
        "0000000",
        "your",
        "1234567890abcdef",
        "0123456789abcdef",
        "abcdefghijklmnop",
        "placeholder",
        "dummy",
        "redacted",
        "changeme",
    ];
    let lower = token.to_ascii_lowercase();
    let has = |part: &str| lower.windows(part.len()).any(|window| window == part.as_bytes());
    let mut runs = lower.chunk_by(|a, b| a == b).map(<[u8]>::len);
    !PARTS.iter().any(|part| has(part)) && runs.all(|run| run < 5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_those_that_a_look_at_each_byte_finds(words in prop::collection::vec("[a-zA-Z0-9_./:+=%~-]{0,70}[ ,@{\\[^\u{80}]", 0..12), cut in 0..9_usize) {
            let text = words.concat().into_bytes();
            let text = &text[..text.len().saturating_sub(cut)];
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./+=:%~".contains(byte);
            let mut at = 0;
            let mut want = Vec::new();
            for run in text.chunk_by(|a, b| is_part(a) == is_part(b)) {
                if run.len() >= SHORTEST && is_part(&run[0]) {
                    want.push(at..at + run.len());
                }
                at += run.len();
            }
            prop_assert_eq!(Runs::new(text).collect::<Vec<_>>(), want);
        }
    }

    #[test]
    fn every_form_compiles_and_has_its_literals() {
        for form in &FORMS {
            compiled(form.pattern);
            assert!(!form.literals.is_empty() && form.literals.iter().all(|text| text.len() >= 3), "{}", form.name);
        }
    }
}

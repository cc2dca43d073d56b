//! Tokens of well-known form, as their issuers document them.

use std::sync::OnceLock;

use regex::bytes::Regex;

/// A form of token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// What it is, for people.
    pub(crate) name: &'static str,
    /// The whole token, ASCII only.
    pattern: &'static str,
}

const fn form(name: &'static str, _begins: &'static [&'static str], pattern: &'static str) -> Form {
    Form { name, pattern }
}

/// Every form that is looked for.
pub(crate) const FORMS: &[Form] = &[
    form("a GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"gh[pousr]_[A-Za-z0-9]{36,251}"),
    form("a GitHub token", &["github_pat_"], r"github_pat_[A-Za-z0-9_]{30,244}"),
    form(
        "a GitLab token",
        &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glffct-", "glft-", "glagent-", "gloas-"],
        r"gl(?:pat|dt|rt|ptt|cbt|soat|ffct|ft|agent|oas)-[A-Za-z0-9_.=-]{20,300}",
    ),
    form("an AWS access key id", &["AKIA", "ASIA"], r"(?:AKIA|ASIA)[A-Z2-7][A-Z0-9]{15}"),
    form(
        "a Slack token",
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.", "xoxc-", "xoxd-"],
        r"xox[abprsecd][-.][A-Za-z0-9.%-]{10,250}",
    ),
    form("a Slack token", &["xapp-"], r"xapp-[0-9]-[A-Za-z0-9-]{20,200}"),
    form(
        "a Slack webhook",
        &["hooks.slack.com/services/"],
        r"hooks\.slack\.com/services/T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{20,30}",
    ),
    form(
        "a Discord webhook",
        &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"],
        r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,80}",
    ),
    form("an npm token", &["npm_"], r"npm_[A-Za-z0-9]{36}"),
    form("a PyPI token", &["pypi-"], r"pypi-[A-Za-z0-9_-]{50,250}"),
    form("a RubyGems key", &["rubygems_"], r"rubygems_[0-9a-f]{48}"),
    form("a crates.io token", &["cio"], r"cio[A-Za-z0-9]{32}"),
    form("a NuGet key", &["oy2"], r"oy2[a-z0-9]{43}"),
    form("a Docker Hub token", &["dckr_pat_", "dckr_oat_"], r"dckr_[po]at_[A-Za-z0-9_-]{20,64}"),
    form(
        "a Stripe key",
        &["sk_live_", "rk_live_", "sk_test_", "rk_test_", "whsec_"],
        r"(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,250}|whsec_[A-Za-z0-9+/=]{24,64})",
    ),
    form("a Google API key", &["AIza"], r"AIza[0-9A-Za-z_-]{35}"),
    form("a Google OAuth secret", &["GOCSPX-"], r"GOCSPX-[A-Za-z0-9_-]{28}"),
    form("a Google OAuth token", &["ya29."], r"ya29\.[A-Za-z0-9_-]{30,500}"),
    form("a Hugging Face token", &["hf_"], r"hf_[A-Za-z]{34}"),
    form(
        "an OpenAI key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,200}",
    ),
    form("an OpenAI key", &["sk-"], r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    form("an Anthropic key", &["sk-ant-"], r"sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{40,120}"),
    form("a SendGrid key", &["SG."], r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    form("a Mailgun key", &["key-"], r"key-[0-9a-f]{32}"),
    form("a Mailchimp key", &[], r"[0-9a-f]{32}-us[0-9]{1,2}"),
    form("a Twilio key", &["SK"], r"SK[0-9a-f]{32}"),
    form("a Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_"], r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    form("a DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], r"do[por]_v1_[a-f0-9]{64}"),
    form("a Terraform token", &[".atlasv1."], r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70}"),
    form("a Vault token", &["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{24,300}"),
    form("a Databricks token", &["dapi"], r"dapi[0-9a-f]{32}(?:-[0-9])?"),
    form("a Linear key", &["lin_api_"], r"lin_api_[A-Za-z0-9]{40}"),
    form("a Notion token", &["secret_", "ntn_"], r"(?:secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{46})"),
    form("a New Relic key", &["NRAK-"], r"NRAK-[A-Z0-9]{27}"),
    form(
        "a Grafana token",
        &["glsa_", "glc_"],
        r"gl(?:sa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|c_[A-Za-z0-9+/]{32,400}={0,2})",
    ),
    form("a Sentry token", &["sntrys_", "sntryu_"], r"sntry(?:s_eyJ[A-Za-z0-9+/=_-]{50,500}|u_[a-f0-9]{64})"),
    form(
        "a PlanetScale token",
        &["pscale_tkn_", "pscale_pw_", "pscale_oauth_"],
        r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64}",
    ),
    form("a Postman key", &["PMAK-"], r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    form("a Pulumi token", &["pul-"], r"pul-[a-f0-9]{40}"),
    form(
        "a Tailscale key",
        &["tskey-"],
        r"tskey-(?:auth|api|client|scim|webhook)?-?[A-Za-z0-9]{8,}-?[A-Za-z0-9]{8,64}",
    ),
    form("an Atlassian token", &["ATATT3", "ATCTT3"], r"AT[AC]TT3[A-Za-z0-9_=-]{60,250}"),
    form("a Bitbucket token", &["ATBB"], r"ATBB[A-Za-z0-9]{32}"),
    form("an Artifactory key", &["AKCp"], r"AKCp[A-Za-z0-9]{69,70}"),
    form("a SonarQube token", &["squ_", "sqp_", "sqa_"], r"sq[upa]_[a-f0-9]{40}"),
    form(
        "a Square token",
        &["EAAA", "sq0atp-", "sq0csp-"],
        r"(?:EAAA[A-Za-z0-9_-]{60}|sq0(?:atp-[A-Za-z0-9_-]{22}|csp-[A-Za-z0-9_-]{43}))",
    ),
    form("a Telegram bot token", &[":AA"], r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    form("an Azure storage key", &["AccountKey="], r"AccountKey=[A-Za-z0-9+/]{86}=="),
    form("an Azure client secret", &["Q~"], r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}"),
    form("a JSON Web Token", &["eyJ"], r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
    form("an age key", &["AGE-SECRET-KEY-1"], r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    form("a Doppler token", &["dp.pt.", "dp.st.", "dp.ct."], r"dp\.[psc]t\.[A-Za-z0-9._-]{40,60}"),
    form("a Replicate token", &["r8_"], r"r8_[A-Za-z0-9]{37}"),
    form("a Groq key", &["gsk_"], r"gsk_[A-Za-z0-9]{52}"),
    form("a Fly token", &["FlyV1 ", "fo1_"], r"(?:FlyV1 fm[12][ar]?_[A-Za-z0-9+/=,_-]{60,800}|fo1_[A-Za-z0-9_-]{43})"),
    form("a Buildkite token", &["bkua_"], r"bkua_[a-z0-9]{40}"),
    form("a CircleCI token", &["CCIPAT_"], r"CCIPAT_[A-Za-z0-9]{22}_[a-f0-9]{40}"),
];

/// All forms in one pattern; the number of the group that matched, less one, is the place in [`FORMS`].
fn all() -> &'static Regex {
    static ALL: OnceLock<Regex> = OnceLock::new();
    ALL.get_or_init(|| {
        let groups: Vec<String> = FORMS.iter().map(|form| format!("({})", form.pattern)).collect();
        Regex::new(&format!(r"(?-u)\b(?:{})", groups.join("|"))).unwrap_or_else(|error| unreachable!("{error}"))
    })
}

/// Tokens in a text: what each is, and where.
pub(crate) fn tokens(text: &[u8]) -> impl Iterator<Item = (&'static str, std::ops::Range<usize>)> {
    all().captures_iter(text).filter_map(|found| {
        let (at, whole) = found.iter().enumerate().skip(1).find_map(|(group, part)| Some((group - 1, part?)))?;
        let next = text.get(whole.end()).copied().unwrap_or(b' ');
        let goes_on = next.is_ascii_alphanumeric() || next == b'_';
        (!goes_on && is_random(whole.as_bytes())).then_some((FORMS[at].name, whole.range()))
    })
}

/// Whether a token looks as if it had been drawn, and not written: examples repeat a letter or count up.
pub(crate) fn is_random(token: &[u8]) -> bool {
    let lower = token.to_ascii_lowercase();
    let has = |part: &str| lower.windows(part.len()).any(|window| window == part.as_bytes());
    let parts = ["example", "xxxx", "0000000", "your", "1234567890abcdef", "abcdefghijklmnop", "placeholder", "dummy"];
    let mut runs = lower.chunk_by(|a, b| a == b).map(<[u8]>::len);
    !parts.iter().any(|part| has(part)) && runs.all(|run| run < 5)
}

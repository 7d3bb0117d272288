//! Which hosts a credential may be sent to. Resources name credentials and endpoints; whoever owns the
//! credential says where it belongs, so that no resource can have it sent elsewhere.

use std::{collections::BTreeMap, str::FromStr};

/// The usual variables of well-known providers. A `*` stands for one label of the host.
const USUAL: &str = "\
    OPENAI_API_KEY=api.openai.com|*.api.openai.com,\
    ANTHROPIC_API_KEY=api.anthropic.com,\
    GEMINI_API_KEY=generativelanguage.googleapis.com,\
    GOOGLE_API_KEY=generativelanguage.googleapis.com,\
    AZURE_OPENAI_API_KEY=*.openai.azure.com|*.cognitiveservices.azure.com|*.services.ai.azure.com,\
    AWS_SECRET_ACCESS_KEY=bedrock-runtime.*.amazonaws.com|bedrock-runtime-fips.*.amazonaws.com,\
    AWS_BEARER_TOKEN_BEDROCK=bedrock-runtime.*.amazonaws.com|bedrock-runtime-fips.*.amazonaws.com,\
    MISTRAL_API_KEY=api.mistral.ai|codestral.mistral.ai,\
    DEEPSEEK_API_KEY=api.deepseek.com,\
    GROQ_API_KEY=api.groq.com,\
    TOGETHER_API_KEY=api.together.xyz|api.together.ai,\
    OPENROUTER_API_KEY=openrouter.ai,\
    XAI_API_KEY=api.x.ai";

/// Hosts by the variable that holds a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bindings(BTreeMap<String, Vec<String>>);

/// Why bindings cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form VARIABLE=host|host,VARIABLE=host")]
pub struct Malformed;

impl Bindings {
    /// The usual ones alone.
    #[must_use]
    pub fn usual() -> Self {
        Self(read(USUAL).unwrap_or_default())
    }

    /// Whether a variable holds a credential: it is bound, or is called as credentials are.
    #[must_use]
    pub fn is_credential(&self, variable: &str) -> bool {
        let endings = ["_KEY", "_KEY_ID", "_TOKEN", "_SECRET", "_PASSWORD"];
        self.0.contains_key(variable) || endings.iter().any(|ending| variable.ends_with(ending))
    }

    /// Whether the credential in `variable` may be sent to `host`. `is_own`: the host itself is named by
    /// the executor's environment, like the credential, which is enough for one that is bound to none.
    ///
    /// # Errors
    /// It may not; says why, and what to do.
    pub fn check(&self, variable: &str, host: &str, is_own: bool) -> Result<(), String> {
        let remedy = format!("add {variable}={host} to NEPTUNE_EXECUTOR_CREDENTIAL_HOSTS if it belongs there");
        match self.0.get(variable) {
            None if is_own => Ok(()),
            None => Err(format!("the credential {variable} is bound to no host; {remedy}")),
            Some(hosts) if hosts.iter().any(|pattern| fits(pattern, host)) => Ok(()),
            Some(hosts) => Err(format!(
                "the credential {variable} is bound to {} and not sent to {host}; {remedy}",
                hosts.join(", ")
            )),
        }
    }
}

/// The usual bindings, with those of the text in place of or beside them.
impl FromStr for Bindings {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let Self(mut bindings) = Self::usual();
        bindings.extend(read(text)?);
        Ok(Self(bindings))
    }
}

fn read(text: &str) -> Result<BTreeMap<String, Vec<String>>, Malformed> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let entry = |entry: &str| {
        let (variable, hosts) = entry.split_once('=').ok_or(Malformed)?;
        let hosts: Vec<String> = hosts.split('|').map(|host| host.trim().to_ascii_lowercase()).collect();
        let is_host = |host: &String| !host.is_empty() && !host.contains(['/', '@', ' ']);
        let is_sound = !variable.trim().is_empty() && hosts.iter().all(is_host);
        if is_sound { Ok((variable.trim().to_owned(), hosts)) } else { Err(Malformed) }
    };
    entries.map(entry).collect()
}

fn fits(pattern: &str, host: &str) -> bool {
    let (mut wanted, mut found) = (pattern.split('.'), host.split('.'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some("*"), Some(label)) if !label.is_empty() => {}
            (Some(wanted), Some(found)) if wanted.eq_ignore_ascii_case(found) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(bindings: &Bindings, variable: &str, host: &str, wanted: bool) {
        assert_eq!(bindings.check(variable, host, false).is_ok(), wanted, "{variable} {host}");
    }

    #[test]
    fn a_credential_goes_to_its_host_and_nowhere_else() {
        let usual = Bindings::usual();
        for (variable, host, wanted) in [
            ("OPENAI_API_KEY", "api.openai.com", true),
            ("OPENAI_API_KEY", "eu.api.openai.com", true),
            ("OPENAI_API_KEY", "api.openai.com.evil.example", false),
            ("OPENAI_API_KEY", "evil-api.openai.com", false),
            ("AZURE_OPENAI_API_KEY", "acme.openai.azure.com", true),
            ("AZURE_OPENAI_API_KEY", "openai.azure.com", false),
            ("AWS_SECRET_ACCESS_KEY", "bedrock-runtime.eu-west-1.amazonaws.com", true),
            ("AWS_BEARER_TOKEN_BEDROCK", "x.execute-api.eu-west-1.amazonaws.com", false),
            ("ACME_KEY", "llm.acme.example", false),
        ] {
            check(&usual, variable, host, wanted);
        }
        assert!(
            usual.is_credential("OPENAI_API_KEY")
                && usual.is_credential("ACME_TOKEN")
                && !usual.is_credential("AWS_REGION")
        );
        assert_eq!(usual.check("ACME_KEY", "10.0.0.1", true), Ok(()));
        assert!(usual.check("OPENAI_API_KEY", "10.0.0.1", true).is_err(), "a bound one goes to no other host");
        let said = usual.check("OPENAI_API_KEY", "evil.example", false).unwrap_err();
        assert!(said.contains("OPENAI_API_KEY=evil.example") && said.contains("api.openai.com"), "{said}");
    }

    #[test]
    fn an_operator_binds_further_ones() {
        let bindings: Bindings =
            "ACME_KEY=llm.acme.example|10.0.0.1, OPENAI_API_KEY=proxy.acme.example".parse().unwrap();
        check(&bindings, "ACME_KEY", "10.0.0.1", true);
        check(&bindings, "OPENAI_API_KEY", "proxy.acme.example", true);
        check(&bindings, "OPENAI_API_KEY", "api.openai.com", false);
        check(&bindings, "ANTHROPIC_API_KEY", "api.anthropic.com", true);
        assert_eq!("".parse::<Bindings>(), Ok(Bindings::usual()));
        for text in ["ACME_KEY", "=x", "A=", "A=https://x", "A=x|"] {
            assert_eq!(text.parse::<Bindings>(), Err(Malformed), "{text}");
        }
    }
}

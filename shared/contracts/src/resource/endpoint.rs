//! Whether a model's endpoint can be one, before its variables are filled in.

use url::Url;

/// What stands for a variable that begins an endpoint, and for one inside of it.
const BEGINNING: &str = "https://filled.in";
const INSIDE: &str = "filled-in";
/// The same for one that is the scheme alone, and for a port.
const SCHEME: &str = "https";
const PORT: &str = "8080";

/// Checks an endpoint as far as it is written out: what its variables hold is only known to the executor.
///
/// # Errors
/// What is wrong with it, beginning with the name of the field.
pub(super) fn check(endpoint: &str) -> Result<(), String> {
    let fault = |why: &str| Err(format!("endpoint is {endpoint:?}, {why}; an example is https://api.openai.com/v1"));
    let Some(filled) = filled_in(endpoint) else { return fault("which has a ${ without }") };
    let Ok(url) = Url::parse(&filled) else { return fault("which is no URL") };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        fault("which is no http or https URL")
    } else if filled.contains(char::is_whitespace) {
        fault("which has a blank")
    } else if url.query().is_some() || url.fragment().is_some() {
        fault("which goes on behind its path")
    } else {
        Ok(())
    }
}

fn filled_in(endpoint: &str) -> Option<String> {
    let mut pieces = endpoint.split("${");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (_, after) = piece.split_once('}')?;
        let value = match (filled.is_empty(), after.starts_with("://"), filled.ends_with(':')) {
            (true, true, _) => SCHEME,
            (true, false, _) => BEGINNING,
            (false, _, true) => PORT,
            (false, _, false) => INSIDE,
        };
        filled.push_str(value);
        filled.push_str(after);
    }
    Some(filled)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::check;

    #[test]
    fn what_can_be_called_is_told_from_what_cannot() {
        for good in [
            "https://api.openai.com/v1",
            "http://10.0.0.7:8000",
            "http://[::1]:8000/v1/",
            "${AZURE_OPENAI_ENDPOINT}",
            "${VLLM_URL}/v1",
            "${VLLM_HOST}:8000/v1",
            "${SCHEME}://${HOST}:${PORT}/v1",
            "http://${HOST}:${PORT}/${PATH}",
            "https://bedrock-runtime.${AWS_REGION}.amazonaws.com",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("ftp://x y", "no URL"),
            ("ftp://x/v1", "no http or https URL"),
            ("api.openai.com/v1", "no URL"),
            ("localhost:8000/v1", "no http or https URL"),
            ("https://x/a b", "a blank"),
            (" https://x", "a blank"),
            ("https://x/v1?key=1", "behind its path"),
            ("https://x/${A", "without }"),
            ("", "no URL"),
        ] {
            let told = check(bad).unwrap_err();
            assert!(told.starts_with("endpoint is ") && told.contains(why), "{bad}: {told}");
        }
    }
}

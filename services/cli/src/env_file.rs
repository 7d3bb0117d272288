//! Files of `NAME=value` lines that a shell can source as they are.

use crate::{domain::environment::Variables, error::Error};
use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

/// The variables of a file; none when there is no file.
///
/// # Errors
/// The file is there and cannot be read.
pub fn read(path: &Path) -> Result<Variables, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Variables::new()),
        Err(source) => Err(Error::File { action: "read", path: path.into(), source }),
    }
}

fn parse(text: &str) -> Variables {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), unquote(value)))
        .collect()
}

fn unquote(value: &str) -> String {
    let quoted = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    quoted.map_or_else(|| value.to_owned(), |inside| inside.replace("'\\''", "'"))
}

/// The lines of variables, values quoted where a shell needs it.
#[must_use]
pub fn render(variables: &Variables) -> String {
    let plain = |value: &str| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_/:.@+=,-".contains(&byte));
    let line = |(name, value): (&String, &String)| {
        if plain(value) { format!("{name}={value}\n") } else { format!("{name}='{}'\n", value.replace('\'', "'\\''")) }
    };
    variables.iter().map(line).collect()
}

/// Replaces a file as a whole, so that a reader sees the old or the new content, and a crash leaves
/// one of them. Only its owner may read it.
///
/// # Errors
/// The file cannot be written.
pub fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&fresh, path)
    };
    write().map_err(|source| Error::File { action: "write", path: path.into(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_local_servers_write_is_read() {
        let text = "# addresses\nNEPTUNE_NATS_URL=nats://127.0.0.1:14222\n\nNEPTUNE_X='a b'\nKEY=base64==\n";
        let read = parse(text);
        assert_eq!(read["NEPTUNE_NATS_URL"], "nats://127.0.0.1:14222");
        assert_eq!((read["NEPTUNE_X"].as_str(), read["KEY"].as_str()), ("a b", "base64=="));
    }

    #[test]
    fn a_shell_reads_what_is_written() {
        let variables = Variables::from([
            ("A".to_owned(), "it's $HOME `x` \"y\"".to_owned()),
            ("B".to_owned(), "plain".to_owned()),
        ]);
        let script = format!("{}printf '%s|%s' \"$A\" \"$B\"", render(&variables));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "it's $HOME `x` \"y\"|plain");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in "[ -~]{0,40}") {
            let variables = Variables::from([("NAME".to_owned(), value)]);
            prop_assert_eq!(parse(&render(&variables)), variables);
        }
    }
}

//! The server's side of SMTP (RFC 5321) as decisions: what a command is answered, and where a message ends.

mod message;

pub use message::Message;

/// The largest message, in bytes; announced to clients.
pub const MESSAGE_LIMIT: usize = 16 * 1024 * 1024;
/// As many recipients as every server must take (RFC 5321, 4.5.3.1.8).
const RECIPIENTS_LIMIT: usize = 100;

/// Who a message is from and for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Empty for bounces.
    pub from: String,
    /// In the order they were named.
    pub to: Vec<String>,
}

/// What to do after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Answer; several lines for several parts.
    Reply(u16, Vec<String>),
    /// Answer that the message may come, and read it.
    Receive(Envelope),
    /// Answer and close.
    Close,
}

/// One connection's state.
#[derive(Debug, Default)]
pub struct Session {
    greeted: bool,
    from: Option<String>,
    to: Vec<String>,
}

impl Session {
    /// Takes one command line without its end.
    pub fn command(&mut self, line: &str) -> Step {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                self.greet(&["neptune-sink", &format!("SIZE {MESSAGE_LIMIT}"), "8BITMIME", "PIPELINING", "SMTPUTF8"])
            }
            "HELO" => self.greet(&["neptune-sink"]),
            "MAIL" => self.mail(argument),
            "RCPT" => self.recipient(argument),
            "DATA" => self.data(),
            "RSET" => {
                self.forget();
                reply(250, "ok")
            }
            "NOOP" => reply(250, "ok"),
            "VRFY" => reply(252, "send it and see"),
            "QUIT" => Step::Close,
            "AUTH" | "STARTTLS" | "EXPN" | "HELP" | "TURN" => reply(502, "not spoken here"),
            _ => reply(500, "no such command"),
        }
    }

    fn greet(&mut self, lines: &[&str]) -> Step {
        self.forget();
        self.greeted = true;
        Step::Reply(250, lines.iter().map(|line| (*line).to_owned()).collect())
    }

    fn mail(&mut self, argument: &str) -> Step {
        if !self.greeted || self.from.is_some() {
            return reply(503, "not now");
        }
        let Some((from, parameters)) = path(argument, "FROM:") else { return reply(501, "MAIL FROM:<address>") };
        let size = parameters
            .split(' ')
            .find_map(|parameter| parameter.to_ascii_uppercase().strip_prefix("SIZE=")?.parse().ok());
        if size.is_some_and(|size: usize| size > MESSAGE_LIMIT) {
            return reply(552, "too large");
        }
        self.from = Some(from.to_owned());
        reply(250, "ok")
    }

    fn recipient(&mut self, argument: &str) -> Step {
        if self.from.is_none() {
            return reply(503, "not now");
        }
        match path(argument, "TO:") {
            None | Some(("", _)) => reply(501, "RCPT TO:<address>"),
            Some(_) if self.to.len() >= RECIPIENTS_LIMIT => reply(452, "too many recipients"),
            Some((to, _)) => {
                self.to.push(to.to_owned());
                reply(250, "ok")
            }
        }
    }

    fn data(&mut self) -> Step {
        if self.to.is_empty() {
            return reply(503, "not now");
        }
        let from = self.from.take().unwrap_or_default();
        Step::Receive(Envelope { from, to: std::mem::take(&mut self.to) })
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }
}

/// The address in `FROM:<address> PARAMETERS`, and the parameters. Control characters could forge header lines.
fn path<'l>(argument: &'l str, keyword: &str) -> Option<(&'l str, &'l str)> {
    let start = argument.get(..keyword.len())?;
    let rest = argument.get(keyword.len()..)?.trim_start().strip_prefix('<')?;
    let (address, parameters) = rest.split_once('>')?;
    let is_clean = !address.contains(|c: char| c.is_control() || c == '<');
    (start.eq_ignore_ascii_case(keyword) && is_clean).then_some((address, parameters.trim()))
}

fn reply(code: u16, text: &str) -> Step {
    Step::Reply(code, vec![text.to_owned()])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn codes(lines: &[&str]) -> Vec<u16> {
        let mut session = Session::default();
        let code = |line: &&str| match session.command(line) {
            Step::Reply(code, _) => code,
            Step::Receive(_) => 354,
            Step::Close => 221,
        };
        lines.iter().map(code).collect()
    }

    #[test]
    fn commands_come_in_order() {
        let check = |lines: &[&str], expected: &[u16]| assert_eq!(codes(lines), expected, "{lines:?}");
        check(&["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "QUIT"], &[250, 250, 250, 354, 221]);
        check(&["helo x", "mail from:<> SIZE=10", "rcpt to: <c@d>", "data"], &[250, 250, 250, 354]);
        check(&["MAIL FROM:<a@b>", "EHLO x", "RCPT TO:<c@d>", "DATA"], &[503, 250, 503, 503]);
        check(&["EHLO x", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>", "DATA"], &[250, 250, 503, 503]);
        check(&["EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "RSET", "DATA"], &[250, 250, 250, 250, 503]);
        check(&["EHLO x", "MAIL FROM:<a@b> SIZE=99999999", "MAIL TO:<a@b>", "MAIL FROM:a@b"], &[250, 552, 501, 501]);
        check(&["NOOP", "AUTH PLAIN x", "STARTTLS", "XYZ", "", "é"], &[250, 502, 502, 500, 500, 500]);
        check(&["EHLO x", "MAIL FROM:<a\rb>", "MAIL FROM:<a@b>", "RCPT TO:<>"], &[250, 501, 250, 501]);
    }

    #[test]
    fn the_envelope_names_everyone() {
        let mut session = Session::default();
        for line in ["EHLO x", "MAIL FROM:<a@b> BODY=8BITMIME", "RCPT TO:<c@d>", "RCPT TO:<e@f>"] {
            assert!(matches!(session.command(line), Step::Reply(250, _)));
        }
        let envelope = Envelope { from: "a@b".into(), to: vec!["c@d".into(), "e@f".into()] };
        assert_eq!(session.command("DATA"), Step::Receive(envelope));
        assert!(matches!(session.command("DATA"), Step::Reply(503, _)), "each message has its own envelope");
    }

    #[test]
    fn recipients_are_bounded() {
        let mut lines = vec!["EHLO x", "MAIL FROM:<a@b>"];
        lines.extend(std::iter::repeat_n("RCPT TO:<c@d>", 101));
        assert_eq!(codes(&lines).into_iter().filter(|code| *code == 452).count(), 1);
    }
}

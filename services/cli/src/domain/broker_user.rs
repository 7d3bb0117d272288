//! The users of the broker that stand for teams: who has one, and how a team gets one.

use super::environment::{Variables, password_variable};

/// What the variable of a team's password starts with.
const CLIENT_PASSWORD: &str = "NEPTUNE_NATS_PASSWORD_CLIENT_";

/// The broker user of a team's programs.
#[must_use]
pub fn of_team(team: &str) -> String {
    format!("client-{team}")
}

/// The user that an address of the broker names, such as `nats://client-support:…@host:4222`.
#[must_use]
pub fn of_url(url: &str) -> Option<&str> {
    let rest = url.trim().split_once("://").map_or(url, |(_, rest)| rest);
    let (credentials, _) = rest.split('/').next()?.rsplit_once('@')?;
    credentials.split(':').next().filter(|user| !user.is_empty())
}

/// Whether `user` stands for another team than `team`.
#[must_use]
pub fn is_another_teams(user: &str, team: &str) -> bool {
    user.starts_with("client-") && user != of_team(team)
}

/// Which broker users the installation's `secrets` have for teams, and how `team` gets one.
#[must_use]
pub fn remedy(team: &str, secrets: &Variables) -> String {
    let names = secrets.keys().filter_map(|name| name.strip_prefix(CLIENT_PASSWORD));
    // The variable does not tell `_` from `-`, which is the usual one.
    let known: Vec<String> = names.map(|name| of_team(&name.to_ascii_lowercase().replace('_', "-"))).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let (user, variable) = (of_team(team), password_variable(&of_team(team)));
    format!(
        "broker users of teams with a password in secrets.env of the state directory: {known}; for {user}, add {team:?} \
         to CLIENT_TEAMS in shared/contracts/src/render/permissions.rs, run `make schemas`, which writes \
         deploy/nats/users.conf, then `make down` and `make up`, which puts {variable} into secrets.env; over HTTP \
         (without --bus) a team needs only an API key"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_an_address_is_read() {
        for (url, user) in [
            ("nats://client-support:p@h:1", Some("client-support")),
            ("nats://token@h:1/x@y", Some("token")),
            ("nats://h:1/a@b", None),
            ("h:1", None),
        ] {
            assert_eq!(of_url(url), user, "{url}");
        }
        assert!(is_another_teams("client-support", "tiny"));
        assert!(!is_another_teams("client-tiny", "tiny") && !is_another_teams("operator", "tiny"));
    }

    #[test]
    fn the_remedy_names_who_has_a_user_and_the_variable_of_a_new_one() {
        let secrets = [("NEPTUNE_NATS_PASSWORD_CLIENT_SUPPORT", "s"), ("NEPTUNE_NATS_PASSWORD_OPERATOR", "o")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let text = remedy("tiny", &secrets.into());
        assert!(text.contains("directory: client-support; for client-tiny"), "{text}");
        assert!(text.contains("NEPTUNE_NATS_PASSWORD_CLIENT_TINY"), "{text}");
        assert!(remedy("tiny", &Variables::new()).contains("directory: none;"));
    }
}

//! `WWW-Authenticate` headers (RFC 9110 section 11.6.1, RFC 6750 section 3).

/// One way in which a registry wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// User name and password with every request.
    Basic,
    /// A token from another server.
    Bearer {
        /// Where tokens are issued.
        realm: String,
        /// The registry's name there.
        service: String,
        /// What the token sent should have allowed, `repository:a:pull repository:b:pull`.
        scope: String,
        /// Why the token sent was not enough, `insufficient_scope` or `invalid_token`.
        error: String,
    },
}

/// Picks the challenge to answer: Bearer before Basic, anything else passed over.
pub fn choose<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let challenges: Vec<Challenge> = headers.flat_map(parse).collect();
    let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(challenges.first()).cloned()
}

/// Reads all challenges in one header. Whatever cannot be read ends the header, nothing more.
fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    let mut rest = header;
    while let Some((scheme, after)) = word(rest) {
        let (parameters, after) = parameters(after);
        let value = |name: &str| {
            parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            challenges.push(Challenge::Basic);
        } else if let Some(realm) = value("realm").filter(|_| scheme.eq_ignore_ascii_case("bearer")) {
            let service = value("service").unwrap_or_default();
            let (scope, error) = (value("scope").unwrap_or_default(), value("error").unwrap_or_default());
            challenges.push(Challenge::Bearer { realm, service, scope, error });
        }
        rest = after;
    }
    challenges
}

/// Reads `key=value, key="value"` up to the next scheme, which is a word with no `=` behind it.
fn parameters(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    while let Some((key, after)) = word(rest) {
        let Some(after) = after.trim_start().strip_prefix('=') else { break };
        let Some((value, after)) = value(after.trim_start()) else { return (found, "") };
        found.push((key.to_owned(), value));
        rest = after;
    }
    (found, rest)
}

/// The next word, past any commas and spaces.
fn word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([',', ' ', '\t']);
    let end = text.find([',', ' ', '\t', '=', '"']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A quoted string with its escapes undone, or an unquoted value up to a comma or space, which may be a URL.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bearer(realm: &str, service: &str) -> Challenge {
        let (scope, error) = (String::new(), String::new());
        Challenge::Bearer { realm: realm.into(), service: service.into(), scope, error }
    }

    #[test]
    fn headers_of_real_servers_are_read() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io""#;
        assert_eq!(parse(hub), [bearer("https://auth.docker.io/token", "registry.docker.io")]);
        let distribution = r#"Bearer realm="http://h/t",service="s",scope="repository:a:pull,push repository:b:pull",error="insufficient_scope""#;
        let expected = Challenge::Bearer {
            realm: "http://h/t".into(),
            service: "s".into(),
            scope: "repository:a:pull,push repository:b:pull".into(),
            error: "insufficient_scope".into(),
        };
        assert_eq!(parse(distribution), [expected]);
        assert_eq!(parse(r#"BASIC realm="Sonatype Nexus Repository Manager""#), [Challenge::Basic]);
        assert_eq!(
            parse(r#"bearer REALM="https://h/jwt/auth", Service = "container_registry" , scope="""#),
            [bearer("https://h/jwt/auth", "container_registry")]
        );
    }

    #[test]
    fn several_challenges_may_come_in_one_header_or_in_many() {
        let one = r#"Negotiate, Basic realm="a, b \"c\"", Bearer realm="r",service="s""#;
        assert_eq!(parse(one), [Challenge::Basic, bearer("r", "s")]);
        assert_eq!(choose([one].into_iter()), Some(bearer("r", "s")));
        assert_eq!(choose(["Digest realm=x", "Basic realm=y"].into_iter()), Some(Challenge::Basic));
        assert_eq!(choose(["Negotiate"].into_iter()), None);
    }

    #[test]
    fn unquoted_values_and_missing_realms_are_tolerated() {
        assert_eq!(parse("Bearer realm=https://h/token,service=s"), [bearer("https://h/token", "s")]);
        assert_eq!(parse("Bearer service=s"), []);
        assert_eq!(parse(r#"Bearer realm="open"#), []);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic_or_hang(header in ".{0,120}") {
            let _ = parse(&header);
        }

        #[test]
        fn quoted_values_come_back_whole(realm in "[ -~]{0,40}") {
            let escaped = realm.replace('\\', r"\\").replace('"', r#"\""#);
            prop_assert_eq!(parse(&format!("Bearer realm=\"{escaped}\"")), [bearer(&realm, "")]);
        }
    }
}

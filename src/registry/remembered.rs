//! Challenges that registries sent in earlier runs, so that a token can be fetched while the connection to the registry is
//! made.
//!
//! Realm, service and a salted hash of the login are stored, never a login or a token. A token that is fetched early is
//! used only after the registry itself has named the same realm and service. A false file can therefore make no registry
//! see another's token, and no server see a login, because the hash of a login cannot be made without the login.

use super::challenge::Challenge;
use super::endpoint::Endpoint;
use crate::auth::Login;
use crate::digest::Digest;
use crate::transport::Url;
use serde::{Deserialize, Serialize};
use std::cell::{LazyCell, RefCell};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a challenge is remembered after the registry has last sent it.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The age from which a challenge is stored again when the registry sends it again.
const REFRESH: Duration = Duration::from_secs(3600);
/// The maximum number of challenges that are stored.
const MAX_CHALLENGES: usize = 64;
/// The maximum length of a realm or a service that is stored, in bytes.
const MAX_TEXT: usize = 512;

/// Where a registry's tokens come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TokenSource {
    /// The normalized URL of the token server.
    pub(super) realm: String,
    /// The registry's name on the token server.
    pub(super) service: String,
}

/// A registry's token source, and a login that got a token there.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RememberedChallenge {
    /// `host[:port]` of the registry, which is reached over TLS.
    host: String,
    #[serde(flatten)]
    source: TokenSource,
    /// When the registry last sent the challenge, in seconds since 1970.
    seen: u64,
    /// Random text, so that equal logins have different hashes.
    salt: String,
    /// The hash of the login, or of there being none.
    login: String,
}

/// The content of the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    challenges: Vec<RememberedChallenge>,
}

/// A hash of a login without a salt, or of there being none. It is never stored.
#[derive(Debug)]
struct LoginHash(Digest);

#[derive(Debug)]
enum Change {
    /// A login has been accepted. Another run may have stored the same with another salt.
    Learn { challenge: RememberedChallenge, login: LoginHash },
    /// The registry has another token source now, or none.
    Forget { host: String, current: Option<TokenSource> },
}

type Load = Box<dyn FnOnce() -> RefCell<Content>>;

/// The challenges of earlier runs, and what this run has learned.
pub struct RememberedChallenges {
    known: LazyCell<RefCell<Content>, Load>,
    changes: RefCell<Vec<Change>>,
}

impl RememberedChallenges {
    /// `read` is called before the first request to a registry; it returns the content of the file, if there is one.
    pub fn new(read: impl FnOnce() -> Option<Vec<u8>> + 'static) -> Self {
        let load = || RefCell::new(read().map(|json| Content::parse(&json, now())).unwrap_or_default());
        Self { known: LazyCell::new(Box::new(load)), changes: RefCell::default() }
    }

    /// Whether a challenge of this registry is known, whatever the login.
    pub(super) fn knows(&self, host: &str) -> bool {
        self.known.borrow().challenges.iter().any(|challenge| challenge.host == host)
    }

    /// The token source of a registry that has accepted this login.
    pub(super) fn find(&self, host: &str, login: Option<&Login>) -> Option<TokenSource> {
        let (known, login) = (self.known.borrow(), LoginHash::of(login));
        known.challenges.iter().find(|challenge| challenge.is_of(host, &login)).map(|found| found.source.clone())
    }

    /// Notes that a registry's token source has accepted this login.
    pub(super) fn learn(&self, host: &str, source: TokenSource, login: Option<&Login>) {
        let login = LoginHash::of(login);
        let known = self.known.borrow().challenges.iter().find(|challenge| challenge.is_of(host, &login)).cloned();
        let known = known.filter(|known| known.source == source);
        if known.as_ref().is_some_and(|known| now() - known.seen < REFRESH.as_secs()) {
            return;
        }
        let salt = known.map_or_else(|| format!("{:032x}", fastrand::u128(..)), |known| known.salt);
        let fingerprint = login.fingerprint(&salt, host, &source);
        let challenge = RememberedChallenge { host: host.to_owned(), source, seen: now(), salt, login: fingerprint };
        self.change(Change::Learn { challenge, login });
    }

    /// Forgets a registry, by the domain of references to it.
    pub fn forget_registry(&self, domain: &str) {
        self.forget_others(Endpoint::new(domain, false).host(), None);
    }

    /// Forgets every other token source of a registry than its current one, if it has one.
    pub(super) fn forget_others(&self, host: &str, current: Option<&TokenSource>) {
        let is_other = |known: &RememberedChallenge| known.host == host && Some(&known.source) != current;
        let has_others = self.known.borrow().challenges.iter().any(is_other);
        if has_others {
            self.change(Change::Forget { host: host.to_owned(), current: current.cloned() });
        }
    }

    fn change(&self, change: Change) {
        self.known.borrow_mut().apply(&change);
        self.changes.borrow_mut().push(change);
    }

    /// Whether the file has to be changed.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.changes.borrow().is_empty()
    }

    /// The file's new content: what it has now, and what has been learned since the last call.
    #[must_use]
    pub fn merge_into(&self, file: Option<&[u8]>) -> Vec<u8> {
        let mut content = file.map(|json| Content::parse(json, now())).unwrap_or_default();
        self.changes.take().iter().for_each(|change| content.apply(change));
        serde_json::to_vec(&content).unwrap_or_default()
    }
}

impl Content {
    /// Reads a file. What could not have been written at this time is left out.
    fn parse(json: &[u8], now: u64) -> Self {
        let mut content: Self = serde_json::from_slice(json).unwrap_or_default();
        content.challenges.retain(|challenge| challenge.is_valid(now));
        content.challenges.truncate(MAX_CHALLENGES);
        content
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Learn { challenge: new, login } => {
                self.challenges
                    .retain(|old| old.host != new.host || (old.source == new.source && !old.is_of(&new.host, login)));
                self.challenges.insert(0, new.clone());
                self.challenges.truncate(MAX_CHALLENGES);
            }
            Change::Forget { host, current } => {
                self.challenges.retain(|old| old.host != *host || Some(&old.source) == current.as_ref());
            }
        }
    }
}

impl RememberedChallenge {
    fn is_valid(&self, now: u64) -> bool {
        let source = TokenSource::new(&self.source.realm, &self.source.service);
        source.as_ref() == Some(&self.source) && now.checked_sub(self.seen).is_some_and(|age| age < LIFETIME.as_secs())
    }

    fn is_of(&self, host: &str, login: &LoginHash) -> bool {
        self.host == host && self.login == login.fingerprint(&self.salt, host, &self.source)
    }
}

impl TokenSource {
    /// A source that may be remembered: it is reached over TLS, and there can be no secret in its URL.
    pub(super) fn new(realm: &str, service: &str) -> Option<Self> {
        let url = Url::parse(realm).ok().filter(|url| url.scheme() == "https")?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        let is_plain = is_plain && url.query().is_none() && url.fragment().is_none();
        let source = Self { realm: url.into(), service: service.to_owned() };
        let is_short = source.realm.len() <= MAX_TEXT && service.len() <= MAX_TEXT;
        (is_plain && is_short).then_some(source)
    }

    /// The source that a challenge names.
    pub(super) fn of(challenge: &Challenge) -> Option<Self> {
        match challenge {
            Challenge::Bearer { realm, service, .. } => Self::new(realm, service),
            Challenge::Basic => None,
        }
    }
}

impl LoginHash {
    fn of(login: Option<&Login>) -> Self {
        let mut parts = Vec::new();
        if let Some(credentials) = login.and_then(|login| login.basic.as_ref()) {
            parts.extend(["basic", &credentials.username, credentials.password.reveal()]);
        }
        if let Some(token) = login.and_then(|login| login.identity_token.as_ref()) {
            parts.extend(["identity token", token.reveal()]);
        }
        Self(hash(&parts))
    }

    /// A hash that tells whether a login is the one that was accepted.
    fn fingerprint(&self, salt: &str, host: &str, source: &TokenSource) -> String {
        hash(&[salt, host, &source.realm, &source.service, self.0.as_str()]).to_string()
    }
}

/// A hash of texts. Their lengths keep different ones from making the same text together.
fn hash(parts: &[&str]) -> Digest {
    let mut text = Vec::new();
    for part in parts {
        text.extend(part.len().to_le_bytes());
        text.extend(part.as_bytes());
    }
    Digest::of(&text)
}

/// The time in seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|age| age.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Credentials;
    use crate::secret::Secret;
    use std::rc::Rc;

    const HOST: &str = "h.io";
    const DAY: u64 = 24 * 3600;

    fn source(realm: &str) -> TokenSource {
        TokenSource::new(realm, "service").unwrap()
    }

    fn login(password: &str) -> Login {
        let credentials = Credentials { username: "alice".into(), password: Secret::new(password.into()) };
        Login { basic: Some(credentials), ..Login::default() }
    }

    fn remembering(file: Vec<u8>) -> RememberedChallenges {
        RememberedChallenges::new(move || Some(file))
    }

    /// The file after a run without a login has met the host.
    fn learned(realm: &str) -> Vec<u8> {
        let run = remembering(Vec::new());
        run.learn(HOST, source(realm), None);
        run.merge_into(None)
    }

    #[test]
    fn a_challenge_is_found_with_the_login_that_was_accepted_and_no_other() {
        let run = remembering(Vec::new());
        run.learn(HOST, source("https://t.io/token"), Some(&login("right")));
        let next = remembering(run.merge_into(None));
        assert_eq!(next.find(HOST, Some(&login("right"))), Some(source("https://t.io/token")));
        for other in [None, Some(login("other")), Some(Login::default())] {
            assert_eq!(next.find(HOST, other.as_ref()), None);
        }
        assert_eq!(next.find("other.io", Some(&login("right"))), None);
    }

    #[test]
    fn the_hash_of_a_login_is_of_no_use_for_another_realm() {
        let run = remembering(Vec::new());
        run.learn(HOST, source("https://t.io/token"), Some(&login("right")));
        let file = String::from_utf8(run.merge_into(None)).unwrap();
        let forged = file.replace("t.io", "evil.io");
        assert!(forged.contains("https://evil.io/token"));
        assert_eq!(remembering(forged.into()).find(HOST, Some(&login("right"))), None);
    }

    #[test]
    fn a_file_says_nothing_about_a_login_but_a_salted_hash() {
        let files: Vec<_> = (0..2)
            .map(|_| {
                let run = remembering(Vec::new());
                run.learn(HOST, source("https://t.io/token"), Some(&login("pa55")));
                String::from_utf8(run.merge_into(None)).unwrap()
            })
            .collect();
        let login =
            |file: &str| serde_json::from_str::<serde_json::Value>(file).unwrap()["challenges"][0]["login"].clone();
        assert_ne!(login(&files[0]), login(&files[1]));
        assert!(!files[0].contains("pa55") && !files[0].contains("alice"));
    }

    #[test]
    fn a_challenge_is_remembered_for_a_day_and_not_from_the_future() {
        let file = learned("https://t.io/token");
        let count = |now| Content::parse(&file, now).challenges.len();
        assert_eq!([count(now()), count(now() + DAY - 60), count(now() + DAY), count(now() - 60)], [1, 1, 0, 0]);
    }

    #[test]
    fn a_realm_is_reached_over_tls_and_has_no_room_for_a_secret() {
        for realm in [
            "http://t.io/token",
            "https://user:pass@t.io/token",
            "https://user@t.io/token",
            "https://t.io/token?key=x",
            "https://t.io/token#x",
            "file:///etc/passwd",
            "token",
            &format!("https://t.io/{}", "x".repeat(600)),
        ] {
            assert_eq!(TokenSource::new(realm, ""), None, "{realm}");
            let valid = String::from_utf8(learned("https://t.io/token")).unwrap();
            let forged = valid.replace("https://t.io/token", realm);
            assert!(!remembering(forged.into()).knows(HOST), "{realm}");
        }
    }

    #[test]
    fn another_token_source_replaces_the_one_before() {
        let next = remembering(learned("https://t.io/token"));
        next.forget_others(HOST, Some(&source("https://t.io/token")));
        assert!(!next.has_changes() && next.knows(HOST));
        next.forget_others(HOST, Some(&source("https://new.io/token")));
        assert!(next.has_changes() && !next.knows(HOST));
        assert_eq!(next.merge_into(Some(&learned("https://t.io/token"))), br#"{"challenges":[]}"#);
    }

    #[test]
    fn what_runs_learn_at_the_same_time_is_stored_once_for_each_login() {
        let mut file = None;
        for login in [None, Some(login("one")), Some(login("other"))].iter().flat_map(|login| [login; 3]) {
            // None of them has seen what the others have learned.
            let run = remembering(Vec::new());
            run.learn(HOST, source("https://t.io/token"), login.as_ref());
            file = Some(run.merge_into(file.as_deref()));
        }
        assert_eq!(Content::parse(&file.unwrap(), now()).challenges.len(), 3);
    }

    #[test]
    fn what_another_run_has_learned_meanwhile_stays() {
        let (one, other) = (remembering(Vec::new()), remembering(Vec::new()));
        one.learn("one.io", source("https://t.io/1"), None);
        other.learn("other.io", source("https://t.io/2"), None);
        let file = other.merge_into(Some(&one.merge_into(None)));
        let next = Rc::new(remembering(file));
        assert!(next.knows("one.io") && next.knows("other.io"));
    }

    #[test]
    fn a_challenge_is_stored_again_when_it_is_old_only() {
        let next = remembering(learned("https://t.io/token"));
        next.learn(HOST, source("https://t.io/token"), None);
        assert!(!next.has_changes());
        let mut old = Content::parse(&learned("https://t.io/token"), now());
        old.challenges[0].seen -= 2 * 3600;
        let next = remembering(serde_json::to_vec(&old).unwrap());
        next.learn(HOST, source("https://t.io/token"), None);
        let stored = Content::parse(&next.merge_into(Some(&serde_json::to_vec(&old).unwrap())), now());
        assert_eq!(stored.challenges.len(), 1);
        assert!(stored.challenges[0].seen > old.challenges[0].seen);
    }

    #[test]
    fn only_so_many_challenges_are_stored() {
        let run = remembering(Vec::new());
        for number in 0..MAX_CHALLENGES + 5 {
            run.learn(&format!("h{number}.io"), source("https://t.io/token"), None);
        }
        assert!(run.knows("h68.io") && !run.knows("h4.io"));
    }

    #[test]
    fn what_is_no_such_file_is_ignored() {
        for junk in ["", "{", "[]", "{}", r#"{"challenges":[{"host":"h.io"}]}"#, "\u{0}", &"[".repeat(10_000)] {
            assert!(!remembering(junk.into()).knows(HOST), "{junk}");
        }
    }
}

//! Token scopes (distribution, "Token Scope Documentation").

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// Access to one repository. Only two forms are ever requested: every server grants them, and some grant nothing at
/// all when more is requested.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The repository's path in its registry.
    pub repository: String,
    /// Whether push is needed as well as pull.
    pub push: bool,
}

impl Scope {
    /// Pull from a repository.
    #[must_use]
    pub fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: false }
    }

    /// Push to and pull from a repository; registries refuse tokens that can only push.
    #[must_use]
    pub fn push(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: true }
    }

    /// Whether a token for this scope also allows the other.
    fn covers(&self, other: &Self) -> bool {
        self.repository == other.repository && (self.push || !other.push)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = if self.push { "pull,push" } else { "pull" };
        write!(f, "repository:{}:{actions}", self.repository)
    }
}

impl ScopeSet {
    /// Reads the scope parameter of a challenge, as far as it has the forms that we request.
    pub(super) fn parse(text: &str) -> Self {
        let scope = |word: &str| {
            let (repository, actions) = word.strip_prefix("repository:")?.rsplit_once(':')?;
            Some(Scope { repository: repository.to_owned(), push: actions.split(',').any(|action| action == "push") })
        };
        text.split_whitespace().filter_map(scope).collect()
    }

    /// The union of both sets.
    pub(super) fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).cloned().collect()
    }
}

/// Several scopes: those with push first, because some servers read only the first one, and one for each repository,
/// because on other servers a second one replaces the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(Rc<Vec<Scope>>);

impl ScopeSet {
    /// Whether a token for this set also allows all of the other.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|needed| self.0.iter().any(|scope| scope.covers(needed)))
    }

    /// Whether there is no scope in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in the order in which they are requested.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

/// The scopes that a run will need, in sets that are short enough for one token each.
#[derive(Debug, Default)]
pub(super) struct ExpectedScopes(Vec<ScopeSet>);

impl ExpectedScopes {
    /// The maximum length of the scopes that one token is requested for, in bytes: they are part of a URL, of which
    /// servers read 8 KiB.
    const LIMIT: usize = 4 * 1024;

    /// Adds scopes that are needed together. If they are too long for one token, each of several has the scopes with
    /// push: a mount needs push for one repository and pull for another.
    pub(super) fn add(&mut self, scopes: impl IntoIterator<Item = Scope>) {
        let scopes: ScopeSet = scopes.into_iter().collect();
        if self.covering(&scopes).is_some() {
            return;
        }
        if let Some(last) = self.0.last_mut() {
            let both = last.union(&scopes);
            if length(&both.0) <= Self::LIMIT {
                *last = both;
                return;
            }
        }
        let (pushed, pulled): (Vec<Scope>, Vec<Scope>) = scopes.iter().cloned().partition(|scope| scope.push);
        let mut set = pushed.clone();
        for scope in pulled {
            let fits = length(&set) + scope.to_string().len() < Self::LIMIT;
            if !fits && set.len() > pushed.len() {
                self.0.push(ScopeSet(Rc::new(std::mem::replace(&mut set, pushed.clone()))));
            }
            set.push(scope);
        }
        self.0.push(ScopeSet(Rc::new(set)));
    }

    /// A set that covers all of these scopes.
    pub(super) fn covering(&self, scopes: &ScopeSet) -> Option<&ScopeSet> {
        self.0.iter().find(|set| set.covers(scopes))
    }
}

/// The length of scopes in a URL, in bytes.
fn length(scopes: &[Scope]) -> usize {
    scopes.iter().map(|scope| scope.to_string().len() + 1).sum()
}

impl fmt::Display for ScopeSet {
    /// The scopes, separated by spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes: Vec<String> = self.iter().map(ToString::to_string).collect();
        f.write_str(&scopes.join(" "))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut merged: Vec<Scope> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for scope in scopes {
            if let Some(&place) = places.get(&scope.repository) {
                merged[place].push |= scope.push;
            } else {
                places.insert(scope.repository.clone(), merged.len());
                merged.push(scope);
            }
        }
        merged.sort_by_key(|scope| !scope.push);
        Self(Rc::new(merged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_merged_and_those_with_push_come_first() {
        let set: ScopeSet =
            [Scope::pull("b"), Scope::pull("a"), Scope::push("a"), Scope::pull("b")].into_iter().collect();
        let shown: Vec<_> = set.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["repository:a:pull,push", "repository:b:pull"]);
    }

    #[test]
    fn scopes_that_are_needed_together_are_in_one_set() {
        let list = |number: usize| {
            let sources = (0..4).map(move |image| Scope::pull(&format!("team/source/{number}/{image}")));
            sources.chain([Scope::push(&format!("team/app/{number}"))])
        };
        let mut expected = ExpectedScopes::default();
        (0..50).for_each(|number| expected.add(list(number)));
        assert!(expected.0.len() <= 3 && expected.0.iter().all(|set| length(&set.0) <= ExpectedScopes::LIMIT));
        assert!((0..50).all(|number| expected.covering(&list(number).collect()).is_some()));
        let count = expected.0.len();
        expected.add(list(7));
        assert_eq!(expected.0.len(), count, "what a set covers needs no other token");
    }

    #[test]
    fn each_of_several_sets_has_the_scopes_with_push() {
        let mut expected = ExpectedScopes::default();
        let sources = (0..400).map(|number| Scope::pull(&format!("repository/{number}")));
        expected.add(sources.chain([Scope::push("app")]));
        for number in 0..400 {
            let mount: ScopeSet =
                [Scope::push("app"), Scope::pull(&format!("repository/{number}"))].into_iter().collect();
            assert!(expected.covering(&mount).is_some(), "{number}");
        }
        assert!(expected.0.iter().all(|set| length(&set.0) <= ExpectedScopes::LIMIT));
    }

    #[test]
    fn a_challenges_scopes_are_read_in_any_order() {
        let set = ScopeSet::parse("registry:catalog:* repository:a:pull repository:h/b:push,pull junk");
        assert_eq!(set, [Scope::push("h/b"), Scope::pull("a")].into_iter().collect());
    }

    #[test]
    fn push_covers_pull_and_not_the_reverse() {
        let set = |scopes: &[Scope]| scopes.iter().cloned().collect::<ScopeSet>();
        assert!(set(&[Scope::push("a"), Scope::pull("b")]).covers(&set(&[Scope::pull("a")])));
        assert!(!set(&[Scope::pull("a")]).covers(&set(&[Scope::push("a")])));
        assert!(!set(&[Scope::pull("a")]).covers(&set(&[Scope::pull("b")])));
    }
}

//! What a token is asked for (distribution, "Token Scope Documentation").

use std::collections::HashMap;
use std::fmt;

/// Access to one repository. Only two forms are ever asked for: every server grants them, and some grant nothing at
/// all when asked for more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The repository's path in its registry.
    pub repository: String,
    /// Whether writing is needed beyond reading.
    pub push: bool,
}

impl Scope {
    /// Reading a repository.
    #[must_use]
    pub fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: false }
    }

    /// Reading and writing a repository; registries refuse writes to tokens that cannot read.
    #[must_use]
    pub fn push(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: true }
    }

    /// Whether a token for this scope serves for the other.
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
    /// Reads the scope of a challenge, as far as it is of a form that we would ask for.
    pub(super) fn parse(text: &str) -> Self {
        let scope = |word: &str| {
            let (repository, actions) = word.strip_prefix("repository:")?.rsplit_once(':')?;
            Some(Scope { repository: repository.to_owned(), push: actions.split(',').any(|action| action == "push") })
        };
        text.split_whitespace().filter_map(scope).collect()
    }

    /// Both sets in one.
    pub(super) fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).cloned().collect()
    }
}

/// Several scopes, the writing ones first (some servers read only the first) and none of them twice (in others a
/// second scope for a repository undoes the first).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// Whether a token for this set serves for all of the other.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|needed| self.0.iter().any(|scope| scope.covers(needed)))
    }

    /// As many of the scopes as fit into so many bytes.
    pub(super) fn within(self, bytes: usize) -> Self {
        let mut left = bytes;
        let fits = |scope: &Scope| {
            let size = scope.to_string().len();
            left = left.saturating_sub(size);
            left > 0
        };
        Self(self.0.into_iter().take_while(fits).collect())
    }

    /// The scopes, in the order in which they are asked for.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut merged: Vec<Scope> = Vec::new();
        let mut sources: HashMap<String, usize> = HashMap::new();
        for scope in scopes {
            if let Some(&place) = sources.get(&scope.repository) {
                merged[place].push |= scope.push;
            } else {
                sources.insert(scope.repository.clone(), merged.len());
                merged.push(scope);
            }
        }
        merged.sort_by_key(|scope| !scope.push);
        Self(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_merged_and_the_writing_ones_come_first() {
        let set: ScopeSet =
            [Scope::pull("b"), Scope::pull("a"), Scope::push("a"), Scope::pull("b")].into_iter().collect();
        let shown: Vec<_> = set.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["repository:a:pull,push", "repository:b:pull"]);
    }

    #[test]
    fn what_is_foreseen_is_limited() {
        let set: ScopeSet = (0..100).map(|number| Scope::pull(&format!("repository/{number}"))).collect();
        assert_eq!(set.clone().within(100).iter().count(), 3);
        assert_eq!(set.clone().within(100_000), set);
    }

    #[test]
    fn a_challenges_scopes_are_read_in_any_order() {
        let set = ScopeSet::parse("registry:catalog:* repository:a:pull repository:h/b:push,pull junk");
        assert_eq!(set, [Scope::push("h/b"), Scope::pull("a")].into_iter().collect());
    }

    #[test]
    fn writing_covers_reading_and_not_the_reverse() {
        let set = |scopes: &[Scope]| scopes.iter().cloned().collect::<ScopeSet>();
        assert!(set(&[Scope::push("a"), Scope::pull("b")]).covers(&set(&[Scope::pull("a")])));
        assert!(!set(&[Scope::pull("a")]).covers(&set(&[Scope::push("a")])));
        assert!(!set(&[Scope::pull("a")]).covers(&set(&[Scope::pull("b")])));
    }
}

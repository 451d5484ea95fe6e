//! Who may do what: accounts, and patterns of repositories with the actions
//! allowed on them.

use std::collections::BTreeSet;

use crate::glob;

/// One part of a scope: a repository and actions on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The repository.
    pub repo: String,
    /// `pull`, `push`, …
    pub actions: BTreeSet<String>,
}

impl Access {
    /// From a repository and a comma-separated list of actions.
    pub fn new(repo: &str, actions: &str) -> Self {
        let actions = actions.split(',').filter(|a| !a.is_empty());
        Self { repo: repo.to_owned(), actions: actions.map(String::from).collect() }
    }

    /// Reads `repository:demo/app:pull,push`.
    pub fn parse(scope: &str) -> Option<Self> {
        let (repo, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
        Some(Self::new(repo, actions))
    }

    /// Writes the same form; `pull` comes before `push`.
    pub fn scope(&self) -> String {
        let actions: Vec<&str> = self.actions.iter().map(String::as_str).collect();
        format!("repository:{}:{}", self.repo, actions.join(","))
    }

    /// Whether `self` is contained in one of `granted`.
    pub fn is_covered_by(&self, granted: &[Self]) -> bool {
        granted.iter().any(|g| g.repo == self.repo && self.actions.is_subset(&g.actions))
    }
}

#[derive(Debug, Clone)]
struct Account {
    name: String,
    password: String,
    rules: Vec<Access>,
}

/// The accounts of a registry or of a token server.
#[derive(Debug, Clone, Default)]
pub struct Acl {
    accounts: Vec<Account>,
    anonymous: Vec<Access>,
}

impl Acl {
    /// Adds an account with rules such as `("demo/*", "pull,push")`.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str, rules: &[(&str, &str)]) -> Self {
        self.accounts.push(Account { name: name.to_owned(), password: password.to_owned(), rules: accesses(rules) });
        self
    }

    /// What may be done without an account.
    #[must_use]
    pub fn anonymous(mut self, rules: &[(&str, &str)]) -> Self {
        self.anonymous = accesses(rules);
        self
    }

    /// Whether this is an account's password.
    pub fn knows(&self, name: &str, password: &str) -> bool {
        let mut accounts = self.accounts.iter();
        accounts.any(|a| a.name == name && a.password == password)
    }

    /// What of `wanted` the account may have; token servers narrow a grant
    /// rather than refuse it.
    pub fn grant(&self, account: Option<&str>, wanted: &[Access]) -> Vec<Access> {
        let rules = match account {
            None => Some(&self.anonymous),
            Some(name) => {
                let found = self.accounts.iter().find(|a| a.name == name);
                found.map(|account| &account.rules)
            }
        };
        let rules = rules.map_or(&[][..], Vec::as_slice);
        wanted.iter().map(|access| narrowed(access, rules)).filter(|access| !access.actions.is_empty()).collect()
    }
}

fn accesses(rules: &[(&str, &str)]) -> Vec<Access> {
    let rules = rules.iter();
    rules.map(|(repo, actions)| Access::new(repo, actions)).collect()
}

fn narrowed(wanted: &Access, rules: &[Access]) -> Access {
    let allowed = |action: &&String| {
        let mut rules = rules.iter();
        rules.any(|rule| glob::fits(&rule.repo, &wanted.repo) && rule.actions.contains(*action))
    };
    Access { repo: wanted.repo.clone(), actions: wanted.actions.iter().filter(allowed).cloned().collect() }
}

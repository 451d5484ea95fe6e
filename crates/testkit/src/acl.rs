//! Accounts, and the actions that they may take on repositories.

use std::collections::BTreeSet;

use crate::glob;

/// One entry of a scope: a repository and the actions on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The repository.
    pub repo: String,
    /// `pull`, `push`, …
    pub actions: BTreeSet<String>,
}

impl Access {
    /// `actions` is separated by commas.
    pub fn new(repo: &str, actions: &str) -> Self {
        let actions = actions.split(',').filter(|a| !a.is_empty());
        Self { repo: repo.to_owned(), actions: actions.map(String::from).collect() }
    }

    /// Parses `repository:demo/app:pull,push`.
    pub fn parse(scope: &str) -> Option<Self> {
        let (repo, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
        Some(Self::new(repo, actions))
    }

    /// Formats the same; `pull` comes before `push`.
    pub fn scope(&self) -> String {
        let actions: Vec<&str> = self.actions.iter().map(String::as_str).collect();
        format!("repository:{}:{}", self.repo, actions.join(","))
    }

    /// Whether one of `granted` includes this access.
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
    /// Adds an account with rules such as `("demo/*", "pull,push")`; see [`glob`] for the pattern.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str, rules: &[(&str, &str)]) -> Self {
        self.accounts.push(Account { name: name.to_owned(), password: password.to_owned(), rules: accesses(rules) });
        self
    }

    /// Sets the rules for anonymous clients.
    #[must_use]
    pub fn anonymous(mut self, rules: &[(&str, &str)]) -> Self {
        self.anonymous = accesses(rules);
        self
    }

    /// Whether this is the password of the account.
    pub fn authenticates(&self, name: &str, password: &str) -> bool {
        let mut accounts = self.accounts.iter();
        accounts.any(|a| a.name == name && a.password == password)
    }

    /// The part of `wanted` that the account may have. Token servers grant less than asked for rather than refuse.
    pub fn grant(&self, account: Option<&str>, wanted: &[Access]) -> Vec<Access> {
        let rules = match account {
            None => Some(&self.anonymous),
            Some(name) => {
                let found = self.accounts.iter().find(|a| a.name == name);
                found.map(|account| &account.rules)
            }
        };
        let rules = rules.map_or(&[][..], Vec::as_slice);
        wanted.iter().map(|access| restrict(access, rules)).filter(|access| !access.actions.is_empty()).collect()
    }
}

fn accesses(rules: &[(&str, &str)]) -> Vec<Access> {
    let rules = rules.iter();
    rules.map(|(repo, actions)| Access::new(repo, actions)).collect()
}

fn restrict(wanted: &Access, rules: &[Access]) -> Access {
    let allowed = |action: &&String| {
        let mut rules = rules.iter();
        rules.any(|rule| glob::fits(&rule.repo, &wanted.repo) && rule.actions.contains(*action))
    };
    Access { repo: wanted.repo.clone(), actions: wanted.actions.iter().filter(allowed).cloned().collect() }
}

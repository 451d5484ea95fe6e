//! What a run is going to read and write: the scopes of its tokens, the connections that it needs, and what its targets
//! have already.

use super::Content;
use crate::digest::Digest;
use crate::location::Location;
use crate::reference::Reference;
use crate::registry::{RegistryError, Scope};
use futures_util::future::{Either, join, join_all, select};
use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;

/// The repositories that a run writes to.
#[derive(Default)]
pub(super) struct Targets {
    /// Those that get all images, each once.
    repositories: RefCell<Vec<Reference>>,
    /// Manifests that have been asked for: whether their repositories have them.
    known: RefCell<HashMap<Reference, bool>>,
}

impl Content {
    /// Plans a run, or a part of it: few tokens of each registry cover everything that is read and written.
    pub fn plan(&self, reads: &[Location], writes: &[Location]) {
        self.client.expect_scopes(scopes(reads, writes));
    }

    /// Does the work of a run that first reads images and then writes all of them to these targets. Meanwhile it connects to
    /// the targets, and asks them for each manifest as soon as that is known.
    pub async fn with_targets<T>(&self, targets: &[Location], work: impl Future<Output = T>) -> T {
        let mut repositories: Vec<Reference> = Vec::new();
        for target in targets.iter().filter_map(Location::reference) {
            if !repositories.iter().any(|known| known.name() == target.name()) {
                repositories.push(target.clone());
            }
        }
        self.targets.repositories.replace(repositories.clone());
        let connecting = join_all(repositories.iter().map(|target| self.client.connect(target)));
        match select(pin!(work), pin!(connecting)).await {
            Either::Left((done, _)) => done,
            Either::Right((_, work)) => work.await,
        }
    }

    /// Reads something about the manifest at a location, which has this digest. Meanwhile the repositories that are
    /// written to are asked whether they have it.
    pub async fn asking_targets<T>(&self, location: &Location, digest: &Digest, reading: impl Future<Output = T>) -> T {
        let mut targets = self.targets.repositories.borrow().clone();
        targets.retain(|target| !Location::Registry(target.clone()).is_beside(location));
        if targets.is_empty() {
            return reading.await;
        }
        let asked = targets.iter().map(async |target| {
            // An error will come again when the answer is needed.
            let _ = self.is_in_target(&target.digest_only(digest.clone())).await;
        });
        join(reading, join_all(asked)).await.0
    }

    /// Whether a repository that is written to certainly has the manifest with the reference's digest.
    pub async fn is_in_target(&self, reference: &Reference) -> Result<bool, RegistryError> {
        let known = self.targets.known.borrow().get(reference).copied();
        if let Some(known) = known {
            return Ok(known);
        }
        let is_present = self.client.has_manifest(reference).await?;
        self.targets.known.borrow_mut().insert(reference.clone(), is_present);
        Ok(is_present)
    }
}

/// What a run needs: to write to each registry with its login, and to read each source both with that login, for mounting,
/// and with its own.
fn scopes<'a>(reads: &'a [Location], writes: &'a [Location]) -> impl Iterator<Item = (&'a Reference, Scope)> {
    let sources = || reads.iter().filter_map(Location::reference);
    let writes = writes.iter().filter_map(Location::reference).flat_map(move |target| {
        let mountable = sources().filter(|source| source.domain() == target.domain());
        std::iter::once((target, Scope::push(target.path())))
            .chain(mountable.map(move |source| (target, Scope::pull(source.path()))))
    });
    writes.chain(sources().map(|source| (source, Scope::pull(source.path()))))
}

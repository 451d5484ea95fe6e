//! Plans what is sent where.

use super::root::{Blob, Node, Root};
use crate::digest::Digest;
use crate::location::Location;
use crate::reference::Reference;
use bytes::Bytes;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// A blob that a repository or layout needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedBlob {
    /// The blob.
    pub blob: Blob,
    /// A location beside it.
    pub source: Location,
}

impl PlannedBlob {
    /// The repository that a registry can mount the blob from: one of its own.
    pub(super) fn mountable_from(&self, target: &Location) -> Option<&Reference> {
        match (&self.source, target) {
            (Location::Registry(source), Location::Registry(target)) if source.domain() == target.domain() => {
                Some(source)
            }
            _ => None,
        }
    }
}

/// A manifest to be put into a repository or layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedManifest {
    /// Its digest.
    pub digest: Digest,
    /// The Content-Type to send it with.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// Whether it is sent: once, and not to a target that has it. docker prints it for each entry.
    pub is_sent: bool,
}

/// What a repository or layout needs before the roots can be put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RepositoryPlan {
    /// A location in it.
    pub target: Location,
    /// Each blob once.
    pub blobs: Vec<PlannedBlob>,
    /// Manifests that are elsewhere, level by level: each after those that it refers to.
    pub levels: Vec<Vec<PlannedManifest>>,
    known_blobs: HashMap<Digest, usize>,
    known_manifests: HashSet<Digest>,
}

/// What is done, in order; the roots come last.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// The manifests that get names.
    pub roots: &'a [Root],
    /// Each repository or layout once, that of the first name first.
    pub repositories: Vec<RepositoryPlan>,
}

/// The manifests that repositories and layouts have already, by their position in the plan.
pub(super) type Present = Vec<HashSet<Digest>>;

impl<'a> Plan<'a> {
    /// Plans to put these roots under their names.
    pub(super) fn new(roots: &'a [Root]) -> Self {
        Self::without(roots, &Present::default())
    }

    /// Plans the same without what is present, and without its blobs.
    pub(super) fn without(roots: &'a [Root], present: &Present) -> Self {
        let nothing = HashSet::new();
        let mut repositories: Vec<RepositoryPlan> = Vec::new();
        for root in roots {
            let mut filled = HashSet::new();
            for name in &root.names {
                let known = repositories.iter().position(|planned| planned.target.is_beside(name));
                let position = known.unwrap_or_else(|| {
                    repositories.push(RepositoryPlan::new(name));
                    repositories.len() - 1
                });
                if filled.insert(position) {
                    repositories[position].add(root, present.get(position).unwrap_or(&nothing));
                }
            }
        }
        Self { roots, repositories }
    }

    /// Every name that a root gets.
    pub(super) fn names(&self) -> impl Iterator<Item = (&'a Root, &'a Location)> {
        self.roots.iter().flat_map(|root| root.names.iter().map(move |name| (root, name)))
    }

    /// The number of manifests that are put, a root once for each of its names.
    pub(super) fn manifest_count(&self) -> usize {
        let below: usize = self.repositories.iter().flat_map(|repository| &repository.levels).map(Vec::len).sum();
        below + self.names().count()
    }

    /// The requests that are sent to registries, unless a registry refuses a mount. `address` is the URL of a reference's
    /// registry.
    pub(super) fn requests(&self, address: impl Fn(&Reference) -> String) -> Vec<String> {
        let base = |reference: &Reference| format!("{}/v2/{}", address(reference), reference.path());
        let mut requests = Vec::new();
        for RepositoryPlan { target, blobs, .. } in &self.repositories {
            let Location::Registry(repository) = target else { continue };
            let uploads = format!("{}/blobs/uploads/", base(repository));
            for planned in blobs {
                let PlannedBlob { blob: Blob { digest, is_foreign, .. }, source } = planned;
                if let Some(from) = planned.mountable_from(target) {
                    let from = from.path().replace('/', "%2F");
                    requests.push(format!("POST {uploads}?mount={digest}&from={from}"));
                } else if !is_foreign {
                    if let Location::Registry(source) = source {
                        requests.push(format!("GET {}/blobs/{digest}", base(source)));
                    }
                    requests.extend([format!("POST {uploads}"), format!("PUT {uploads}...?digest={digest}")]);
                }
            }
        }
        let manifests = self.repositories.iter().flat_map(|planned| {
            let manifests = planned.levels.iter().flatten().filter(|manifest| manifest.is_sent);
            manifests.map(|manifest| (&planned.target, manifest.digest.as_str()))
        });
        let roots = self.names().map(|(root, name)| (name, name.tag().unwrap_or(root.manifest.digest.as_str())));
        requests.extend(manifests.chain(roots).filter_map(|(target, name)| match target {
            Location::Registry(reference) => Some(format!("PUT {}/manifests/{name}", base(reference))),
            Location::Layout(_) => None,
        }));
        requests
    }
}

impl RepositoryPlan {
    fn new(target: &Location) -> Self {
        Self {
            target: target.clone(),
            blobs: Vec::new(),
            levels: Vec::new(),
            known_blobs: HashMap::new(),
            known_manifests: HashSet::new(),
        }
    }

    /// Adds everything below a root, except for manifests that the repository has.
    fn add(&mut self, root: &Root, present: &HashSet<Digest>) {
        let mut depths: HashMap<&Digest, usize> = HashMap::new();
        for node in &root.below {
            let depth = node.children.iter().filter_map(|child| depths.get(child)).map(|depth| depth + 1).max();
            let depth = depth.unwrap_or_default();
            depths.insert(&node.digest, depth);
            if !node.is_in(&self.target) {
                let is_present = present.contains(&node.digest);
                if !is_present {
                    self.add_blobs(node);
                }
                self.add_manifest(node, depth, is_present);
            }
        }
        if !root.manifest.is_in(&self.target) && !present.contains(&root.manifest.digest) {
            self.add_blobs(&root.manifest);
        }
    }

    fn add_manifest(&mut self, node: &Node, depth: usize, is_present: bool) {
        let is_sent = self.known_manifests.insert(node.digest.clone()) && !is_present;
        let (digest, media_type) = (node.digest.clone(), node.media_type.clone());
        let bytes = node.bytes.clone().unwrap_or_default();
        self.levels.resize_with(self.levels.len().max(depth + 1), Vec::new);
        self.levels[depth].push(PlannedManifest { digest, media_type, bytes, is_sent });
    }

    fn add_blobs(&mut self, node: &Node) {
        let Some(source) = &node.location else { return };
        for blob in &node.blobs {
            let planned = PlannedBlob { blob: blob.clone(), source: source.clone() };
            match self.known_blobs.entry(blob.digest.clone()) {
                Entry::Occupied(place) => {
                    let known = &mut self.blobs[*place.get()];
                    known.blob.may_be_absent &= blob.may_be_absent;
                    known.blob.is_foreign &= blob.is_foreign;
                    if known.mountable_from(&self.target).is_none() && planned.mountable_from(&self.target).is_some() {
                        known.source = planned.source;
                    }
                }
                Entry::Vacant(place) => {
                    place.insert(self.blobs.len());
                    self.blobs.push(planned);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::{Draft, ListSettings};
    use crate::manifest::{Descriptor, ImageKind, ImageManifest, ListEntry, OCI_MANIFEST, Platform};
    use crate::publish::root::PlanError;

    fn reference(name: &str) -> Reference {
        Reference::parse(name).unwrap()
    }

    fn image(name: &str, os: &str, blobs: &[&str]) -> ListEntry {
        let digest = |blob: &&str| format!(r#"{{"digest":"{}"}}"#, Digest::of(blob.as_bytes()));
        let layers: Vec<_> = blobs[1..].iter().map(digest).collect();
        let raw = format!(r#"{{"config":{},"layers":[{}]}}"#, digest(&blobs[0]), layers.join(",")).into_bytes();
        let descriptor = Descriptor {
            media_type: OCI_MANIFEST.to_owned(),
            digest: Digest::of(&raw).to_string(),
            size: 1,
            platform: Some(Platform { architecture: "amd64".into(), os: os.into(), ..Platform::default() }),
            ..Descriptor::default()
        };
        ListEntry::new(
            reference(name),
            descriptor,
            ImageManifest::read(ImageKind::Oci, &raw).unwrap().into(),
            raw.into(),
        )
    }

    fn root(targets: &[&str], images: &[ListEntry]) -> Result<Root, PlanError> {
        let draft = Draft::new(reference("h.io/list"), images.to_vec(), Vec::new(), ListSettings::default());
        Root::of_draft(&draft, targets.iter().map(|target| Location::parse(target).unwrap()).collect())
    }

    /// What the one repository of a target needs.
    fn planned(target: &str, images: &[ListEntry]) -> RepositoryPlan {
        let roots = [root(&[target], images).unwrap()];
        Plan::new(&roots).repositories.remove(0)
    }

    fn from(blob: &PlannedBlob) -> &Reference {
        let Location::Registry(reference) = &blob.source else { panic!("{}", blob.source) };
        reference
    }

    #[test]
    fn a_blob_of_several_images_is_mounted_once() {
        let images =
            [image("h.io/a", "linux", &["c1", "base", "x"]), image("h.io/b", "linux", &["c2", "base", "y", "y"])];
        let plan = planned("h.io/list", &images);
        let mounts: Vec<_> = plan.blobs.iter().map(|it| (it.blob.digest.clone(), from(it).path())).collect();
        let expected = [("c1", "a"), ("base", "a"), ("x", "a"), ("c2", "b"), ("y", "b")];
        assert_eq!(mounts, expected.map(|(blob, from)| (Digest::of(blob.as_bytes()), from)));
        assert_eq!(plan.levels[0].len(), 2);
    }

    #[test]
    fn images_in_the_target_repository_need_nothing() {
        let plan = planned("h.io/app:list", &[image("h.io/app:a", "linux", &["c"])]);
        assert!(plan.blobs.is_empty() && plan.levels.is_empty());
    }

    #[test]
    fn only_what_no_linux_image_needs_may_be_absent() {
        let images = [image("h.io/a", "windows", &["c", "shared"]), image("h.io/b", "linux", &["d", "shared"])];
        let plan = planned("h.io/list", &images);
        let absent: Vec<_> = plan.blobs.iter().map(|planned| planned.blob.may_be_absent).collect();
        assert_eq!(absent, [true, false, false]);
    }

    #[test]
    fn an_image_without_a_platform_is_refused() {
        let message = root(&["h.io/list"], &[image("h.io/a", "", &["c"])]).unwrap_err().to_string();
        assert_eq!(message, "manifest h.io/a:latest must have an OS and Architecture to be pushed to a registry");
    }

    #[test]
    fn bytes_with_another_digest_are_refused() {
        let mut changed = image("h.io/a", "linux", &["c"]);
        changed.raw = [&changed.raw[..], b"\n"].concat().into();
        let error = root(&["h.io/list"], &[changed]).unwrap_err();
        assert!(matches!(error, PlanError::DigestMismatch { .. }));
    }

    #[test]
    fn what_is_on_the_same_registry_is_mounted_rather_than_copied() {
        let images = [image("far.io/a", "linux", &["c1", "base"]), image("h.io/b", "linux", &["c2", "base"])];
        let plan = planned("h.io/list", &images);
        let target = Location::parse("h.io/list").unwrap();
        let near: Vec<_> =
            plan.blobs.iter().map(|blob| (blob.mountable_from(&target).is_some(), from(blob).domain())).collect();
        assert_eq!(near, [(false, "far.io"), (true, "h.io"), (true, "h.io")]);
    }

    #[test]
    fn each_repository_is_prepared_once() {
        let targets = ["h.io/a:1", "h.io/b:1", "h.io/a:2"];
        let roots = [root(&targets, &[image("h.io/a:x", "linux", &["c"])]).unwrap()];
        let plan = Plan::new(&roots);
        let count = |it: &RepositoryPlan| (it.target.to_string(), it.levels.iter().map(Vec::len).sum::<usize>());
        let children: Vec<_> = plan.repositories.iter().map(count).collect();
        assert_eq!(children, [("h.io/a:1".to_owned(), 0), ("h.io/b:1".to_owned(), 1)]);
        let requests = plan.requests(|reference| reference.domain().to_owned());
        assert_eq!(requests.iter().filter(|line| line.starts_with("PUT")).count(), 4, "{requests:?}");
    }

    #[test]
    fn lists_come_after_what_they_refer_to() {
        let node = |name: &str, children: &[&Node]| Node {
            digest: Digest::of(name.as_bytes()),
            media_type: String::new(),
            bytes: Some(Bytes::new()),
            location: Location::parse("oci:d").ok(),
            blobs: Vec::new(),
            children: children.iter().map(|child| child.digest.clone()).collect(),
            platform: None,
        };
        let (one, two) = (node("one", &[]), node("two", &[]));
        let inner = node("inner", &[&one]);
        let outer = node("outer", &[&inner, &two]);
        let below = vec![one.clone(), inner.clone(), two.clone()];
        let names = vec![Location::parse("h.io/a:1").unwrap()];
        let roots = [Root { manifest: outer, names, below, is_mixed: false, is_attached: false, referrer: None }];
        let plan = Plan::new(&roots);
        let digests = |level: &Vec<PlannedManifest>| level.iter().map(|it| it.digest.clone()).collect::<Vec<_>>();
        let levels: Vec<_> = plan.repositories[0].levels.iter().map(digests).collect();
        assert_eq!(levels, [vec![one.digest, two.digest], vec![inner.digest]]);
    }
}

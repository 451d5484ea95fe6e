//! Compares two images or lists by platform.

use crate::location::Location;
use crate::manifest::{Descriptor, ImageManifest, IndexHeader, Manifest};
use crate::resolve::{self, Defect, Document, Walker, is_list};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One of the two images or lists.
#[derive(Debug)]
pub struct Side {
    digest: String,
    media_type: String,
    header: IndexHeader,
    entries: Vec<Descriptor>,
    is_list: bool,
}

/// The differences.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Entries that only the second has.
    pub added: Vec<Entry>,
    /// Entries that only the first has.
    pub removed: Vec<Entry>,
    /// Entries for platforms that both have, if the entries differ.
    pub changed: Vec<Change>,
    /// Differences of the indexes themselves.
    pub index: Vec<FieldChange>,
}

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The platform, or what the entry is.
    pub platform: String,
    /// The digest.
    pub digest: String,
    /// The size of the config and the layers in bytes; none if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compressed_size: Option<u64>,
}

/// An entry that is different.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The entry of the first.
    pub from: Entry,
    /// The entry of the second.
    pub to: Entry,
    /// The fields of the entries that differ, other than the digest.
    pub fields: Vec<FieldChange>,
}

/// A value that is different.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Its name, `annotation KEY` for annotations.
    pub field: String,
    /// Its value in the first; none if it has none.
    pub from: Option<String>,
    /// Its value in the second; none if it has none.
    pub to: Option<String>,
}

impl Difference {
    /// Whether there are no differences.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Fetches one of the two.
pub async fn read(walker: &Walker<'_>, location: &Location) -> anyhow::Result<Side> {
    let document = walker.root(location).await?;
    let entries = match &document.manifest {
        Manifest::Index(index) => {
            walker.count_entries(index, location)?;
            index.manifests.clone()
        }
        Manifest::Image(image) => vec![single(walker, location, &document, image).await?],
    };
    Ok(Side {
        digest: document.fetched.digest.to_string(),
        media_type: document.raw().media_type,
        header: IndexHeader::parse(&document.fetched.bytes),
        is_list: matches!(document.manifest, Manifest::Index(_)),
        entries,
    })
}

/// A single image as if it were the only entry of a list.
async fn single(
    walker: &Walker<'_>,
    location: &Location,
    document: &Document,
    image: &ImageManifest,
) -> anyhow::Result<Descriptor> {
    let platform = if image.is_artifact() { None } else { Some(resolve::platform(walker, location, image).await?) };
    Ok(Descriptor { platform, ..document.fetched.descriptor(image.kind.media_type()) })
}

/// Compares the two.
#[must_use]
pub fn compare(a: &Side, b: &Side) -> Difference {
    let mut difference = Difference::default();
    if a.digest == b.digest {
        return difference;
    }
    let pairs = pair(&a.entries, &b.entries);
    for (from, to) in &pairs {
        match (from, to) {
            (Some((name, from)), Some((_, to))) => {
                let fields = entry_fields(from, to);
                if from.digest != to.digest || !fields.is_empty() {
                    difference.changed.push(Change { from: entry(name, from), to: entry(name, to), fields });
                }
            }
            (Some((name, from)), None) => difference.removed.push(entry(name, from)),
            (None, Some((name, to))) => difference.added.push(entry(name, to)),
            (None, None) => {}
        }
    }
    difference.index = index_fields(a, b, &pairs);
    if difference.is_empty() {
        difference.index.extend(field("digest", &a.digest, &b.digest));
    }
    difference
}

fn entry(name: &str, descriptor: &Descriptor) -> Entry {
    Entry { platform: name.to_owned(), digest: descriptor.digest.clone(), compressed_size: None }
}

type Named<'a> = (String, &'a Descriptor);
type Pair<'a> = (Option<Named<'a>>, Option<Named<'a>>);

/// Puts entries of the same name together: those of the same digest first, then in their order. In the order of `a`;
/// what only `b` has comes last.
fn pair<'a>(a: &'a [Descriptor], b: &'a [Descriptor]) -> Vec<Pair<'a>> {
    let mut left_over: HashMap<String, Vec<&Descriptor>> = HashMap::new();
    for entry in b {
        left_over.entry(name(entry, b)).or_default().push(entry);
    }
    let named: Vec<Named> = a.iter().map(|entry| (name(entry, a), entry)).collect();
    let mut take = |name: &str, is_wanted: &dyn Fn(&Descriptor) -> bool| {
        let entries = left_over.get_mut(name)?;
        let at = entries.iter().position(|entry| is_wanted(entry))?;
        Some(entries.remove(at))
    };
    let mut partners: Vec<Option<&Descriptor>> =
        named.iter().map(|(name, from)| take(name, &|to| to.digest == from.digest)).collect();
    for ((name, _), partner) in named.iter().zip(&mut partners) {
        *partner = partner.or_else(|| take(name, &|_| true));
    }
    let both =
        named.into_iter().zip(partners).map(|((name, from), to)| (Some((name.clone(), from)), to.map(|to| (name, to))));
    let mut pairs: Vec<Pair> = both.collect();
    for to in b {
        let name = name(to, b);
        let entries = left_over.get_mut(&name);
        let at = entries.as_ref().and_then(|entries| entries.iter().position(|entry| std::ptr::eq(*entry, to)));
        if let (Some(entries), Some(at)) = (entries, at) {
            entries.remove(at);
            pairs.push((None, Some((name, to))));
        }
    }
    pairs
}

/// The key by which entries are matched: the platform, the attested platform, or the type.
fn name(entry: &Descriptor, all: &[Descriptor]) -> String {
    if let Some(image) = entry.attested_digest() {
        let image = all.iter().find(|other| other.digest == image && !other.is_attestation());
        return image.map_or_else(|| "attestation".to_owned(), |image| format!("attestation of {}", name(image, all)));
    }
    match &entry.platform {
        Some(platform) if platform.is_known() => platform.normalized().to_string(),
        _ if is_list(entry) => "list".to_owned(),
        _ if !entry.artifact_type.is_empty() => entry.artifact_type.clone(),
        _ => entry.media_type.clone(),
    }
}

fn field(name: &str, from: &str, to: &str) -> Option<FieldChange> {
    let stated = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (from != to).then(|| FieldChange { field: name.to_owned(), from: stated(from), to: stated(to) })
}

fn annotations(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Vec<FieldChange> {
    let keys: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let different = keys.into_iter().filter(|key| from.get(*key) != to.get(*key));
    let change = |key: &String| FieldChange {
        field: format!("annotation {key}"),
        from: from.get(key).cloned(),
        to: to.get(key).cloned(),
    };
    different.map(change).collect()
}

/// The fields of two entries that differ. An attestation's annotation with the digest of its image is ignored: it
/// changes with every image.
fn entry_fields(from: &Descriptor, to: &Descriptor) -> Vec<FieldChange> {
    let own = |entry: &Descriptor| {
        let mut annotations = entry.annotations.clone();
        annotations.retain(|_, value| Some(value.as_str()) != entry.attested_digest());
        annotations
    };
    let platform = |entry: &Descriptor| entry.platform.as_ref().map(ToString::to_string).unwrap_or_default();
    let features = |entry: &Descriptor| entry.platform.as_ref().map(|it| it.os_features.join(",")).unwrap_or_default();
    let simple = [
        field("media type", &from.media_type, &to.media_type),
        field("artifact type", &from.artifact_type, &to.artifact_type),
        field("platform", &platform(from), &platform(to)),
        field("os features", &features(from), &features(to)),
        field("urls", &from.urls.join(","), &to.urls.join(",")),
    ];
    simple.into_iter().flatten().chain(annotations(&own(from), &own(to))).collect()
}

fn index_fields(a: &Side, b: &Side, pairs: &[Pair]) -> Vec<FieldChange> {
    let subject = |side: &Side| side.header.subject.as_ref().map(|it| it.digest.clone()).unwrap_or_default();
    let kind = |side: &Side| if side.is_list { "list" } else { "image" };
    let simple = [
        field("type", kind(a), kind(b)),
        field("media type", &a.media_type, &b.media_type),
        field("artifact type", &a.header.artifact_type, &b.header.artifact_type),
        field("subject", &subject(a), &subject(b)),
        order(b, pairs),
    ];
    simple.into_iter().flatten().chain(annotations(&a.header.annotations, &b.header.annotations)).collect()
}

/// A different order of the entries that both have.
fn order(b: &Side, pairs: &[Pair]) -> Option<FieldChange> {
    let both: Vec<(&str, &Descriptor)> = pairs
        .iter()
        .filter_map(|(from, to)| from.as_ref().and(to.as_ref()))
        .map(|(name, to)| (name.as_str(), *to))
        .collect();
    let mut now = both.clone();
    now.sort_by_key(|(_, to)| b.entries.iter().position(|entry| std::ptr::eq(entry, *to)));
    let names = |entries: &[(&str, &Descriptor)]| entries.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let is_same = both.iter().zip(&now).all(|((_, one), (_, other))| std::ptr::eq(*one, *other));
    if is_same { None } else { field("order", &names(&both), &names(&now)) }
}

/// Fetches the sizes of the images that differ.
pub async fn add_sizes(walker: &Walker<'_>, [a, b]: [&Location; 2], difference: &mut Difference) -> anyhow::Result<()> {
    let Difference { added, removed, changed, .. } = difference;
    let mut wanted: Vec<(&Location, &mut Entry)> = Vec::new();
    wanted.extend(removed.iter_mut().map(|entry| (a, entry)));
    wanted.extend(added.iter_mut().map(|entry| (b, entry)));
    for change in changed.iter_mut().filter(|change| change.from.digest != change.to.digest) {
        wanted.extend([(a, &mut change.from), (b, &mut change.to)]);
    }
    let sizes = wanted.iter().map(|(list, entry)| {
        let descriptor = Descriptor { digest: entry.digest.clone(), ..Descriptor::default() };
        async move { size(walker, list, &descriptor).await }
    });
    let sizes: Vec<Option<u64>> = stream::iter(sizes).buffered(walker.content().concurrency()).try_collect().await?;
    for ((_, entry), size) in wanted.into_iter().zip(sizes) {
        entry.compressed_size = size;
    }
    Ok(())
}

/// The size of an image; none if there is no usable manifest, or it is another list.
async fn size(walker: &Walker<'_>, list: &Location, entry: &Descriptor) -> anyhow::Result<Option<u64>> {
    let document = match walker.child(list, entry).await {
        Err(error) if Defect::of(&error).is_some() => return Ok(None),
        document => document?,
    };
    Ok(match &document.manifest {
        Manifest::Image(image) => Some(image.blobs().map(Descriptor::byte_count).fold(0, u64::saturating_add)),
        Manifest::Index(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Platform;

    fn image(architecture: &str, digest: &str) -> Descriptor {
        let platform = Platform { os: "linux".into(), architecture: architecture.into(), ..Platform::default() };
        Descriptor { digest: digest.into(), platform: Some(platform), ..Descriptor::default() }
    }

    fn side(digest: &str, entries: Vec<Descriptor>) -> Side {
        let (digest, media_type) = (digest.to_owned(), "list".to_owned());
        Side { digest, media_type, header: IndexHeader::default(), entries, is_list: true }
    }

    fn names(entries: &[Entry]) -> Vec<(&str, &str)> {
        entries.iter().map(|entry| (entry.platform.as_str(), entry.digest.as_str())).collect()
    }

    #[test]
    fn entries_are_compared_by_platform() {
        let a = side("1", vec![image("amd64", "a"), image("386", "b"), image("arm64", "c")]);
        let b = side("2", vec![image("amd64", "a"), image("arm64", "d"), image("riscv64", "e")]);
        let difference = compare(&a, &b);
        assert_eq!(names(&difference.removed), [("linux/386", "b")]);
        assert_eq!(names(&difference.added), [("linux/riscv64", "e")]);
        let changed: Vec<_> =
            difference.changed.iter().map(|it| (it.from.digest.as_str(), it.to.digest.as_str())).collect();
        assert_eq!(changed, [("c", "d")]);
        assert!(difference.index.is_empty());
    }

    #[test]
    fn several_images_for_a_platform_are_paired_by_digest_first() {
        let a = side("1", vec![image("amd64", "a"), image("amd64", "b")]);
        let b = side("2", vec![image("amd64", "c"), image("amd64", "a")]);
        let difference = compare(&a, &b);
        let changed: Vec<_> =
            difference.changed.iter().map(|it| (it.from.digest.as_str(), it.to.digest.as_str())).collect();
        assert_eq!(changed, [("b", "c")]);
    }

    #[test]
    fn another_order_and_other_annotations_are_differences() {
        let a = side("1", vec![image("amd64", "a"), image("arm64", "b")]);
        let mut b = side("2", vec![image("arm64", "b"), image("amd64", "a")]);
        b.header.annotations.insert("k".into(), "v".into());
        let difference = compare(&a, &b);
        let fields: Vec<_> = difference.index.iter().map(|it| (it.field.as_str(), it.to.as_deref())).collect();
        assert_eq!(fields, [("order", Some("linux/arm64, linux/amd64")), ("annotation k", Some("v"))]);
    }

    #[test]
    fn bytes_that_say_the_same_are_still_different() {
        let (a, b) = (side("1", vec![image("amd64", "a")]), side("2", vec![image("amd64", "a")]));
        assert_eq!(compare(&a, &b).index.len(), 1);
        assert!(compare(&a, &a).is_empty());
    }
}

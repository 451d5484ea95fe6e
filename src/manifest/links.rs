//! What a manifest of any media type refers to.

use super::Descriptor;
use crate::json::{self, Object};
use std::collections::BTreeMap;

/// What a manifest of any media type refers to (image-spec, "Image Manifest" and "Image Index"; ORAS, "Artifact
/// Manifest").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Config, layers and other blobs.
    pub blobs: Vec<Descriptor>,
    /// Other manifests.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    pub subject: Option<Descriptor>,
    /// What a list of referrers says of it: its artifact type, or else the media type of its config.
    pub artifact_type: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Links {
    /// Reads a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, json::Error> {
        let text = json::text(bytes);
        let object = Object::parse(&text, "Manifest")?;
        let read = |object: &Object| Descriptor::read_distribution(object);
        let list = |key| object.objects(key, "v1.Descriptor", read);
        let config = object.object("config", "v1.Descriptor")?.as_ref().map(read).transpose()?;
        let config_type = config.as_ref().map(|config| config.media_type.clone()).unwrap_or_default();
        // BuildKit keeps layers of a build cache in the list of an index.
        let (manifests, others) = list("manifests")?.into_iter().partition(is_manifest);
        let blobs = config.into_iter().chain(list("layers")?).chain(list("blobs")?).chain(others).collect();
        let artifact_type = object.string("artifactType").unwrap_or_default();
        Ok(Self {
            blobs,
            manifests,
            subject: object.object("subject", "v1.Descriptor")?.as_ref().map(read).transpose()?,
            artifact_type: if artifact_type.is_empty() { config_type } else { artifact_type },
            annotations: object.string_map("annotations").unwrap_or_default(),
        })
    }
}

/// Whether an entry of a list is a manifest: all media types of manifests say so in their names.
fn is_manifest(entry: &Descriptor) -> bool {
    let media_type = &entry.media_type;
    media_type.is_empty() || media_type.contains("manifest") || media_type.contains("index")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(descriptors: &[Descriptor]) -> Vec<&str> {
        descriptors.iter().map(|descriptor| descriptor.digest.as_str()).collect()
    }

    #[test]
    fn every_kind_of_manifest_has_its_links() {
        let image = br#"{"config":{"digest":"c","mediaType":"t"},"layers":[{"digest":"l"}],"subject":{"digest":"s"}}"#;
        let image = Links::parse(image).unwrap();
        assert_eq!(names(&image.blobs), ["c", "l"]);
        assert_eq!((image.subject.unwrap().digest.as_str(), image.artifact_type.as_str()), ("s", "t"));
        let artifact = Links::parse(br#"{"artifactType":"a","blobs":[{"digest":"b"}],"config":null}"#).unwrap();
        assert_eq!((names(&artifact.blobs), artifact.artifact_type.as_str()), (vec!["b"], "a"));
        let cache = br#"{"manifests":[
            {"digest":"m","mediaType":"application/vnd.oci.image.manifest.v1+json"},
            {"digest":"i","mediaType":"application/vnd.oci.image.index.v1+json"},
            {"digest":"l","mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"},
            {"digest":"x","mediaType":"application/vnd.buildkit.cacheconfig.v0"}]}"#;
        let cache = Links::parse(cache).unwrap();
        assert_eq!((names(&cache.manifests), names(&cache.blobs)), (vec!["m", "i"], vec!["l", "x"]));
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        assert!(Links::parse(b"x").is_err() && Links::parse(br#"{"layers":{}}"#).is_err());
    }
}

//! Builds the description from fetched manifests and configs, without I/O.

use super::object::{Attestation, Config, Image, Layer};
use crate::manifest::{Descriptor, ImageManifest, Manifest, Platform};
use crate::resolve::{Defect, Document, Surveyed};
use oci_spec::image::ImageConfiguration;
use std::collections::{BTreeMap, HashMap, HashSet};

/// The layer annotation that names the predicate type of an in-toto statement (`BuildKit`, "Image attestation storage").
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";

/// The entries of a list, sorted by what they are.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) images: Vec<Image>,
    pub(super) lists: Vec<Descriptor>,
    pub(super) attestations: Vec<Attestation>,
}

pub(super) fn entries(surveyed: Vec<Surveyed>) -> Entries {
    let mut entries = Entries::default();
    for Surveyed { entry, list, document } in surveyed {
        let problem = document.as_ref().err().map(Defect::name);
        let manifest = document.as_ref().ok().map(|document| &document.manifest);
        match manifest {
            Some(Manifest::Index(_)) => entries.lists.push(entry),
            _ if entry.is_attestation() => entries.attestations.push(Attestation {
                digest: entry.digest.clone(),
                subject: entry.attested_digest().unwrap_or_default().to_owned(),
                predicate_types: predicate_types(manifest),
                problem,
            }),
            _ => {
                let mut image = of_entry(entry);
                if let Some(Manifest::Image(manifest)) = manifest {
                    add_blobs(&mut image, manifest);
                }
                entries.images.push(Image { list, problem, ..image });
            }
        }
    }
    count_shared(&mut entries.images);
    entries
}

/// An image by itself.
pub(super) fn single(document: &Document, manifest: &ImageManifest, platform: Option<Platform>) -> Image {
    let descriptor = document.fetched.descriptor(manifest.kind.media_type());
    let mut image = of_entry(Descriptor { platform, ..descriptor });
    add_blobs(&mut image, manifest);
    image
}

fn of_entry(entry: Descriptor) -> Image {
    Image {
        platform: entry.platform.filter(Platform::is_specified),
        digest: entry.digest,
        media_type: entry.media_type,
        size: entry.size,
        artifact_type: entry.artifact_type,
        annotations: entry.annotations,
        list: None,
        compressed_size: 0,
        shared_size: 0,
        shared_layers: 0,
        layers: Vec::new(),
        problem: None,
        config_digest: String::new(),
        config_size: 0,
    }
}

fn add_blobs(image: &mut Image, manifest: &ImageManifest) {
    let layer = |blob: &Descriptor| Layer {
        digest: blob.digest.clone(),
        media_type: blob.media_type.clone(),
        size: blob.byte_count(),
    };
    image.layers = manifest.layers.iter().map(layer).collect();
    image.config_digest.clone_from(&manifest.config.digest);
    image.config_size = manifest.config.byte_count();
    if image.artifact_type.is_empty() && manifest.is_artifact() {
        image.artifact_type.clone_from(&manifest.config.media_type);
    }
    image.compressed_size = total_size([&*image]);
}

/// The size of all configs and layers of these images in bytes, each counted once.
pub(super) fn total_size<'a>(images: impl IntoIterator<Item = &'a Image>) -> u64 {
    let mut counted = HashSet::new();
    let mut total = 0u64;
    for image in images {
        let layers = image.layers.iter().map(|layer| (layer.digest.as_str(), layer.size));
        for (digest, size) in layers.chain([(image.config_digest.as_str(), image.config_size)]) {
            if counted.insert(digest) {
                total = total.saturating_add(size);
            }
        }
    }
    total
}

/// Counts the layers that an image has in common with images of another digest.
fn count_shared(images: &mut [Image]) {
    let mut owners: HashMap<String, HashSet<String>> = HashMap::new();
    for image in images.iter() {
        for layer in &image.layers {
            owners.entry(layer.digest.clone()).or_default().insert(image.digest.clone());
        }
    }
    for image in images {
        let mut counted = HashSet::new();
        let is_shared = |layer: &&Layer| owners.get(&layer.digest).is_some_and(|owners| owners.len() > 1);
        for layer in image.layers.iter().filter(is_shared) {
            if counted.insert(&layer.digest) {
                image.shared_layers += 1;
                image.shared_size = image.shared_size.saturating_add(layer.size);
            }
        }
    }
}

fn predicate_types(manifest: Option<&Manifest>) -> Vec<String> {
    let Some(Manifest::Image(manifest)) = manifest else { return Vec::new() };
    let stated = manifest.layers.iter().filter_map(|layer| layer.annotations.get(PREDICATE_TYPE));
    stated.cloned().collect()
}

/// The essentials of a config.
pub(super) fn config(full: &ImageConfiguration) -> Config {
    let Some(run) = full.config() else { return Config { author: full.author().clone(), ..Config::default() } };
    let not_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let list = |texts: &Option<Vec<String>>| texts.clone().unwrap_or_default();
    let sorted = |texts: &Option<Vec<String>>| {
        let mut texts = list(texts);
        texts.sort();
        texts
    };
    let labels: BTreeMap<String, String> = run.labels().clone().unwrap_or_default().into_iter().collect();
    Config {
        author: not_empty(full.author()),
        user: not_empty(run.user()),
        working_dir: not_empty(run.working_dir()),
        entrypoint: list(run.entrypoint()),
        cmd: list(run.cmd()),
        env: list(run.env()),
        exposed_ports: sorted(run.exposed_ports()),
        volumes: sorted(run.volumes()),
        stop_signal: not_empty(run.stop_signal()),
        labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(digest: &str, layers: &[(&str, u64)]) -> Image {
        let layer = |(digest, size): &(&str, u64)| Layer {
            digest: (*digest).to_owned(),
            media_type: String::new(),
            size: *size,
        };
        let mut image = of_entry(Descriptor { digest: digest.to_owned(), ..Descriptor::default() });
        image.layers = layers.iter().map(layer).collect();
        image.config_digest = format!("config of {digest}");
        image.config_size = 1;
        image
    }

    #[test]
    fn layers_of_several_images_are_shared_and_counted_once() {
        let mut images = [
            image("a", &[("base", 100), ("own", 10), ("base", 100)]),
            image("b", &[("base", 100)]),
            image("b", &[("base", 100), ("again", 5)]),
        ];
        count_shared(&mut images);
        let shared: Vec<_> = images.iter().map(|image| (image.shared_layers, image.shared_size)).collect();
        assert_eq!(shared, [(1, 100), (1, 100), (1, 100)]);
        assert_eq!(total_size(&images), 100 + 10 + 5 + 2);
    }

    #[test]
    fn an_image_that_stands_twice_in_a_list_shares_nothing_with_itself() {
        let mut images = [image("a", &[("base", 100)]), image("a", &[("base", 100)])];
        count_shared(&mut images);
        assert!(images.iter().all(|image| image.shared_layers == 0));
    }
}

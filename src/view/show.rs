//! The tables of `show`.

use super::table::{Cell, Table};
use super::units::{bytes, clean, count, created, short_digest};
use crate::manifest::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Platform};
use crate::output::{Palette, Role};
use crate::show::{Attestation, Config, Image, Kind, Overview, ReferrerTree};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// How text is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The width of a line.
    pub width: usize,
    /// The colours.
    pub palette: Palette,
    /// The time from which ages are computed.
    pub now: SystemTime,
}

/// An image, a list or an artifact.
#[must_use]
pub fn overview(overview: &Overview, layout: Layout) -> String {
    let mut sections = vec![summary(overview, layout)];
    match (overview.kind, overview.images.as_slice()) {
        (Kind::Index, images) => {
            sections.push(images_table(images, layout));
            sections.push(lists(overview, layout));
            sections.push(attestations(overview, layout));
        }
        (_, [image]) => sections.push(layers(image, layout)),
        _ => {}
    }
    if let Some(referrers) = &overview.referrers {
        sections.push(referrers_tree(referrers, layout));
    }
    sections.push(pairs("Annotations", &overview.annotations, layout));
    if let Some(config) = &overview.config {
        sections.push(pairs("Labels", &config.labels, layout));
    }
    sections.retain(|section| !section.is_empty());
    sections.join("\n")
}

fn heading(text: &str, layout: Layout) -> String {
    format!("{}\n", layout.palette.paint(Role::Heading, text))
}

fn summary(overview: &Overview, layout: Layout) -> String {
    let mut table = Table::default();
    let mut row = |label: &str, value: String| {
        if !value.is_empty() {
            table.rows.push(vec![Cell::left(label).role(Role::Heading), Cell::left(value)]);
        }
    };
    row("Name", clean(&overview.name));
    row("Digest", clean(&overview.digest));
    row("Type", kind(overview));
    row("Artifact type", clean(&overview.artifact_type));
    row("Subject", overview.subject.as_ref().map(|subject| clean(&subject.digest)).unwrap_or_default());
    if let (Kind::Image, [Image { platform: Some(platform), .. }]) = (overview.kind, overview.images.as_slice()) {
        row("Platform", clean(&platform.to_string()));
    }
    row("Created", overview.created.as_deref().map(|text| created(text, layout.now)).unwrap_or_default());
    row("Size", size(overview));
    if let Some(config) = &overview.config {
        config_rows(config, &mut row);
    }
    row(
        "Config",
        overview.config_problem.as_ref().map(|it| format!("cannot be read: {}", clean(it))).unwrap_or_default(),
    );
    table.render(layout.palette, 0)
}

fn kind(overview: &Overview) -> String {
    let name = match overview.media_type.as_str() {
        DOCKER_LIST => "docker manifest list",
        OCI_INDEX => "OCI index",
        DOCKER_MANIFEST => "docker image",
        OCI_MANIFEST if overview.kind == Kind::Artifact => "OCI artifact",
        OCI_MANIFEST => "OCI image",
        other => return clean(other),
    };
    format!("{name} ({})", overview.media_type)
}

fn size(overview: &Overview) -> String {
    let total = bytes(overview.total_size);
    match overview.kind {
        Kind::Index => {
            let pulled: u64 = overview.images.iter().map(|image| image.compressed_size).fold(0, u64::saturating_add);
            let images = count(overview.images.len(), "image");
            match pulled.saturating_sub(overview.total_size) {
                0 => format!("{total} in {images}"),
                saved => format!("{total} in {images}; shared layers save {}", bytes(saved)),
            }
        }
        _ => total,
    }
}

fn config_rows(config: &Config, row: &mut impl FnMut(&str, String)) {
    let words = |words: &[String]| {
        let quoted: Vec<String> = words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
        if quoted.is_empty() { String::new() } else { clean(&format!("[{}]", quoted.join(", "))) }
    };
    let text = |text: &Option<String>| text.as_deref().map(clean).unwrap_or_default();
    row("Author", text(&config.author));
    row("Entrypoint", words(&config.entrypoint));
    row("Command", words(&config.cmd));
    row("User", text(&config.user));
    row("Directory", text(&config.working_dir));
    row("Environment", if config.env.is_empty() { String::new() } else { count(config.env.len(), "variable") });
    row("Ports", clean(&config.exposed_ports.join(", ")));
    row("Volumes", clean(&config.volumes.join(", ")));
    row("Stop signal", text(&config.stop_signal));
}

/// The columns that fit the width.
#[derive(Debug, Clone, Copy)]
struct Columns {
    full_digest: bool,
    shared: bool,
    layers: bool,
}

fn images_table(images: &[Image], layout: Layout) -> String {
    let is_any_shared = images.iter().any(|image| image.shared_layers > 0);
    let choices = [(true, true, true), (false, true, true), (false, false, true), (false, false, false)];
    let tables = choices.map(|(full_digest, shared, layers)| {
        let columns = Columns { full_digest, shared: shared && is_any_shared, layers };
        let mut headings = vec![Cell::left("PLATFORM"), Cell::left("DIGEST"), Cell::right("SIZE")];
        headings.extend(columns.layers.then(|| Cell::right("LAYERS")));
        headings.extend(columns.shared.then(|| Cell::left("SHARED")));
        let mut table = Table::with_headings(headings);
        table.rows.extend(images.iter().map(|image| image_row(image, columns)));
        table
    });
    let fitting = tables.iter().find(|table| table.width() <= layout.width);
    fitting.or(tables.last()).map(|table| table.render(layout.palette, 0)).unwrap_or_default()
}

fn image_row(image: &Image, columns: Columns) -> Vec<Cell> {
    let digest = if columns.full_digest { clean(&image.digest) } else { short_digest(&image.digest) };
    let mut row = vec![Cell::left(what(image)), Cell::left(digest).role(Role::Detail)];
    row.push(match image.problem {
        Some(problem) => Cell::right(problem).role(Role::Removed),
        None => Cell::right(bytes(image.compressed_size)),
    });
    let layers = if image.problem.is_some() { String::new() } else { image.layers.len().to_string() };
    row.extend(columns.layers.then(|| Cell::right(layers)));
    let shared = match image.shared_layers {
        0 => String::new(),
        layers => format!("{} in {}", bytes(image.shared_size), count(layers, "layer")),
    };
    row.extend(columns.shared.then(|| Cell::left(shared)));
    row
}

/// The platform of an image, or the type of an artifact.
fn what(image: &Image) -> String {
    match &image.platform {
        Some(platform) if *platform != Platform::unknown() => clean(&platform.to_string()),
        _ if !image.artifact_type.is_empty() => clean(&image.artifact_type),
        Some(platform) => clean(&platform.to_string()),
        None => "-".to_owned(),
    }
}

fn lists(overview: &Overview, layout: Layout) -> String {
    if overview.lists.is_empty() {
        return String::new();
    }
    let mut table = Table::default();
    for list in &overview.lists {
        let images = overview.images.iter().filter(|image| image.list.as_ref() == Some(&list.digest)).count();
        table.rows.push(vec![
            Cell::left(short_digest(&list.digest)).role(Role::Detail),
            Cell::left(count(images, "image")),
            Cell::left(clean(&list.media_type)),
        ]);
    }
    heading("Lists in the list", layout) + &table.render(layout.palette, 2)
}

fn attestations(overview: &Overview, layout: Layout) -> String {
    if overview.attestations.is_empty() {
        return String::new();
    }
    let mut table = Table::default();
    for attestation in &overview.attestations {
        let image = overview.images.iter().find(|image| image.digest == attestation.subject);
        table.rows.push(vec![
            Cell::left(image.map_or_else(|| "no image of the list".to_owned(), what)),
            Cell::left(short_digest(&attestation.digest)).role(Role::Detail),
            Cell::left(predicates(attestation)),
        ]);
    }
    heading("Attestations", layout) + &table.render(layout.palette, 2)
}

fn predicates(attestation: &Attestation) -> String {
    if let Some(problem) = attestation.problem {
        return problem.to_owned();
    }
    let mut names: Vec<String> = attestation.predicate_types.iter().map(|uri| predicate(uri)).collect();
    names.dedup();
    if names.is_empty() { "of unknown type".to_owned() } else { names.join(", ") }
}

/// The usual name of a predicate type, or its URI.
fn predicate(uri: &str) -> String {
    if let Some(version) = uri.strip_prefix("https://slsa.dev/provenance/") {
        return clean(&format!("SLSA provenance {version}"));
    }
    match uri {
        _ if uri.starts_with("https://spdx.dev/Document") => "SPDX SBOM".to_owned(),
        _ if uri.starts_with("https://cyclonedx.org/bom") => "CycloneDX SBOM".to_owned(),
        _ if uri.starts_with("https://openvex.dev/ns") => "OpenVEX".to_owned(),
        _ => clean(uri),
    }
}

fn layers(image: &Image, layout: Layout) -> String {
    let choices = [true, false].map(|full_digest| {
        let mut table = Table::with_headings(vec![
            Cell::right("LAYER"),
            Cell::left("DIGEST"),
            Cell::right("SIZE"),
            Cell::left("TYPE"),
        ]);
        for (position, layer) in image.layers.iter().enumerate() {
            let digest = if full_digest { clean(&layer.digest) } else { short_digest(&layer.digest) };
            table.rows.push(vec![
                Cell::right((position + 1).to_string()),
                Cell::left(digest).role(Role::Detail),
                Cell::right(bytes(layer.size)),
                Cell::left(clean(&layer.media_type)),
            ]);
        }
        table
    });
    let fitting = choices.iter().find(|table| table.width() <= layout.width);
    fitting.or(choices.last()).map(|table| table.render(layout.palette, 0)).unwrap_or_default()
}

fn referrers_tree(referrers: &[ReferrerTree], layout: Layout) -> String {
    let mut text = heading("Referrers", layout);
    if referrers.is_empty() {
        text.push_str("  none\n");
    }
    branches(referrers, "  ", layout, &mut text);
    text
}

fn branches(referrers: &[ReferrerTree], indent: &str, layout: Layout, text: &mut String) {
    for (position, referrer) in referrers.iter().enumerate() {
        let is_last = position + 1 == referrers.len();
        let (branch, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let digest = layout.palette.paint(Role::Detail, short_digest(&referrer.digest));
        let line = format!("{indent}{branch}{} {digest}", referrer_name(referrer));
        text.push_str(line.trim_end());
        text.push('\n');
        branches(&referrer.referrers, &format!("{indent}{below}"), layout, text);
    }
}

/// The usual name of an artifact type, or the type.
fn referrer_name(referrer: &ReferrerTree) -> String {
    let of_tag = referrer.tag.as_deref().and_then(|tag| match tag.rsplit_once('.')?.1 {
        "sig" => Some("cosign signature"),
        "att" => Some("cosign attestation"),
        "sbom" => Some("cosign SBOM"),
        _ => None,
    });
    let artifact_type = referrer.artifact_type.as_str();
    let of_type = || match artifact_type {
        "" => Some("of unknown type"),
        "application/vnd.cncf.notary.signature" => Some("Notation signature"),
        "application/spdx+json" => Some("SPDX SBOM"),
        "application/vnd.cyclonedx+json" => Some("CycloneDX SBOM"),
        _ if artifact_type.starts_with("application/vnd.dev.sigstore.bundle") => Some("Sigstore bundle"),
        _ if artifact_type.starts_with("application/vnd.dev.cosign.artifact.sig") => Some("cosign signature"),
        _ => None,
    };
    of_tag.or_else(of_type).map_or_else(|| clean(artifact_type), str::to_owned)
}

fn pairs(title: &str, pairs: &BTreeMap<String, String>, layout: Layout) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let mut table = Table::default();
    for (key, value) in pairs {
        table.rows.push(vec![Cell::left(clean(key)), Cell::left(clean(value))]);
    }
    heading(title, layout) + &table.render(layout.palette, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predicate_types_have_their_usual_names() {
        for (uri, name) in [
            ("https://slsa.dev/provenance/v1", "SLSA provenance v1"),
            ("https://spdx.dev/Document", "SPDX SBOM"),
            ("https://cyclonedx.org/bom/v1.5", "CycloneDX SBOM"),
            ("https://example.com/\u{1b}[1mtest", "https://example.com/ [1mtest"),
        ] {
            assert_eq!(predicate(uri), name);
        }
    }
}

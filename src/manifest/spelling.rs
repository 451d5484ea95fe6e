//! Other spellings of architectures and variants than OCI's.

use std::borrow::Cow;

/// The variants of an architecture (image-spec, "Variants"; Go's `GOARM` and `GOAMD64`).
const VARIANTS: &[(&str, &[&str])] =
    &[("amd64", &["v1", "v2", "v3", "v4"]), ("arm", &["v5", "v6", "v7", "v8"]), ("arm64", &["v8", "v9"])];

/// The architecture and the variant, or an empty one, that a name in place of an architecture most likely means; none
/// for names that are correct or unknown.
#[must_use]
pub fn likely_arch(name: &str) -> Option<(&'static str, String)> {
    let lower = name.to_ascii_lowercase();
    // The operating system belongs into a flag of its own.
    let arch = lower.strip_prefix("linux/").unwrap_or(&lower);
    if let Some((arch, variant)) = arch.split_once(['/', '-']).filter(|_| arch != "x86-64") {
        let (arch, implied) = likely_arch(arch).or_else(|| known(arch).map(|arch| (arch, String::new())))?;
        let stated = canonical_variant(arch, variant).into_owned();
        return Some((arch, if stated.is_empty() { implied } else { stated }));
    }
    let (arch, variant) = match arch {
        "x64" | "x86_64" | "x86-64" | "amd" | "intel64" | "em64t" => ("amd64", ""),
        "x86" | "x32" | "i386" | "i486" | "i586" | "i686" => ("386", ""),
        "aarch64" | "arm64v8" | "armv8" | "armv8l" | "arm64_v8" => ("arm64", "v8"),
        "armhf" | "armv7" | "armv7l" | "arm32v7" | "armv7hf" | "arm_v7" | "arm32" => ("arm", "v7"),
        "armel" | "armv6" | "armv6l" | "arm32v6" | "armv6hf" | "arm_v6" => ("arm", "v6"),
        "armv5" | "armv5l" | "arm32v5" => ("arm", "v5"),
        "ppc64el" | "powerpc64le" => ("ppc64le", ""),
        "riscv" => ("riscv64", ""),
        "s390" => ("s390x", ""),
        // Only the case or the prefix is wrong.
        other => (known(other).filter(|known| *known != name)?, ""),
    };
    Some((arch, variant.to_owned()))
}

fn known(arch: &str) -> Option<&'static str> {
    ["386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"].into_iter().find(|known| *known == arch)
}

/// The variant as OCI spells it: `7` is `v7` where variants have that form.
#[must_use]
pub fn canonical_variant<'a>(architecture: &str, variant: &'a str) -> Cow<'a, str> {
    let has_numbers = VARIANTS.iter().any(|(known, _)| *known == architecture);
    let is_number = !variant.is_empty() && variant.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if has_numbers && is_number { format!("v{variant}").into() } else { variant.into() }
}

/// The variants that an architecture has, if the given one is not among them. Architectures whose variants are not
/// numbered have any.
#[must_use]
pub fn known_variants(architecture: &str, variant: &str) -> Option<&'static [&'static str]> {
    let (_, variants) = VARIANTS.iter().find(|(known, _)| *known == architecture)?;
    // 64-bit ARM has minor versions: v8.2.
    let major = if architecture == "arm64" { variant.split('.').next().unwrap_or_default() } else { variant };
    (!variant.is_empty() && !variants.contains(&major)).then_some(*variants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_spellings_are_understood() {
        for (name, arch, variant) in [
            ("arm/v7", "arm", "v7"),
            ("arm/7", "arm", "v7"),
            ("arm64/v8", "arm64", "v8"),
            ("linux/arm/v6", "arm", "v6"),
            ("linux/amd64", "amd64", ""),
            ("armv7", "arm", "v7"),
            ("arm32v7", "arm", "v7"),
            ("arm64v8", "arm64", "v8"),
            ("aarch64/v8", "arm64", "v8"),
            ("x64", "amd64", ""),
            ("AMD64", "amd64", ""),
            ("ARM64", "arm64", ""),
            ("x86-64", "amd64", ""),
        ] {
            assert_eq!(likely_arch(name), Some((arch, variant.to_owned())), "{name}");
        }
        for name in ["amd64", "arm", "s390x", "bogus", "", "/", "bogus/v7"] {
            assert_eq!(likely_arch(name), None, "{name}");
        }
    }

    #[test]
    fn a_bare_number_is_a_variant_where_variants_are_numbered() {
        for (arch, variant, canonical) in
            [("arm", "7", "v7"), ("arm64", "8.2", "v8.2"), ("arm", "v7", "v7"), ("ppc64le", "8", "8"), ("arm", "", "")]
        {
            assert_eq!(canonical_variant(arch, variant), canonical);
        }
    }

    #[test]
    fn unknown_variants_are_told_from_known_ones() {
        for (arch, variant) in [("arm", "v7"), ("arm64", "v8.2"), ("arm64", "v9"), ("mips", "x"), ("arm", "")] {
            assert_eq!(known_variants(arch, variant), None, "{arch}/{variant}");
        }
        for (arch, variant) in [("arm64", "v7"), ("arm", "v9"), ("arm", "hf"), ("amd64", "v8"), ("arm", "v7.1")] {
            assert!(known_variants(arch, variant).is_some(), "{arch}/{variant}");
        }
    }
}

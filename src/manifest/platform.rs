//! Valid pairs of operating system and architecture.

/// Every pair that Go supports (`go tool dist list`, Go 1.26) or once did, those that only docker's table has, and
/// `unknown/unknown`, the platform of attestations.
const KNOWN: &[(&str, &[&str])] = &[
    ("aix", &["ppc64"]),
    ("android", &["386", "amd64", "arm", "arm64"]),
    ("darwin", &["386", "amd64", "arm", "arm64"]),
    ("dragonfly", &["amd64"]),
    ("freebsd", &["386", "amd64", "arm", "arm64", "riscv64"]),
    ("illumos", &["amd64"]),
    ("ios", &["amd64", "arm64"]),
    ("js", &["wasm"]),
    (
        "linux",
        &[
            "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
            "riscv64", "s390x",
        ],
    ),
    ("netbsd", &["386", "amd64", "arm", "arm64"]),
    ("openbsd", &["386", "amd64", "arm", "arm64", "mips64", "ppc64", "riscv64"]),
    ("plan9", &["386", "amd64", "arm"]),
    ("solaris", &["amd64"]),
    ("unknown", &["unknown"]),
    ("wasip1", &["wasm"]),
    ("windows", &["386", "amd64", "arm", "arm64"]),
];

/// Whether the pair is valid.
#[must_use]
pub fn is_known(os: &str, architecture: &str) -> bool {
    KNOWN.iter().any(|(known, architectures)| *known == os && architectures.contains(&architecture))
}

/// OCI's name for an architecture, and the variant that the given name implies (names of uname and Debian;
/// containerd/platforms normalises the same ones).
#[must_use]
pub fn canonical_arch(name: &str) -> (&str, Option<&'static str>) {
    match name {
        "x86_64" | "x86-64" => ("amd64", None),
        "aarch64" => ("arm64", None),
        "armhf" => ("arm", Some("v7")),
        "armel" => ("arm", Some("v6")),
        "i386" | "i686" => ("386", None),
        other => (other, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_docker_is_known() {
        // docker/cli 28.2.2, cli/command/manifest/util.go
        for pair in "darwin/386 darwin/amd64 darwin/arm darwin/arm64 dragonfly/amd64 freebsd/386 freebsd/amd64 \
                     freebsd/arm linux/386 linux/amd64 linux/arm linux/arm64 linux/ppc64le linux/mips64 \
                     linux/mips64le linux/riscv64 linux/s390x netbsd/386 netbsd/amd64 netbsd/arm openbsd/386 \
                     openbsd/amd64 openbsd/arm plan9/386 plan9/amd64 solaris/amd64 windows/386 windows/amd64"
            .split_whitespace()
        {
            let (os, architecture) = pair.split_once('/').unwrap();
            assert!(is_known(os, architecture), "{pair}");
        }
    }

    #[test]
    fn every_pair_of_go_is_known() {
        // go tool dist list, go1.26.8
        for pair in "aix/ppc64 android/386 android/amd64 android/arm android/arm64 darwin/amd64 darwin/arm64 \
                     dragonfly/amd64 freebsd/386 freebsd/amd64 freebsd/arm freebsd/arm64 illumos/amd64 ios/amd64 \
                     ios/arm64 js/wasm linux/386 linux/amd64 linux/arm linux/arm64 linux/loong64 linux/mips \
                     linux/mips64 linux/mips64le linux/mipsle linux/ppc64 linux/ppc64le linux/riscv64 linux/s390x \
                     netbsd/386 netbsd/amd64 netbsd/arm netbsd/arm64 openbsd/386 openbsd/amd64 openbsd/arm \
                     openbsd/arm64 openbsd/ppc64 openbsd/riscv64 plan9/386 plan9/amd64 plan9/arm solaris/amd64 \
                     wasip1/wasm windows/386 windows/amd64 windows/arm64"
            .split_whitespace()
        {
            let (os, architecture) = pair.split_once('/').unwrap();
            assert!(is_known(os, architecture), "{pair}");
        }
    }

    #[test]
    fn pairs_that_cannot_be_are_unknown() {
        for (os, architecture) in
            [("linux", "wasm"), ("linux", ""), ("", "amd64"), ("Linux", "amd64"), ("unknown", "amd64")]
        {
            assert!(!is_known(os, architecture));
        }
    }

    #[test]
    fn other_names_of_architectures_are_translated() {
        for (name, expected) in [
            ("x86_64", ("amd64", None)),
            ("aarch64", ("arm64", None)),
            ("armhf", ("arm", Some("v7"))),
            ("armel", ("arm", Some("v6"))),
            ("i386", ("386", None)),
            ("i686", ("386", None)),
            ("riscv64", ("riscv64", None)),
        ] {
            assert_eq!(canonical_arch(name), expected);
        }
    }
}

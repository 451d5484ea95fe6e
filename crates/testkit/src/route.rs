//! What a registry URL path means, for the layers that stand before the
//! registry proper.

/// The part of the registry that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// `/v2/`, the version check.
    Base,
    /// A manifest, by tag or digest.
    Manifest {
        /// The repository.
        repo: &'a str,
        /// The tag or digest.
        reference: &'a str,
    },
    /// A blob, by digest.
    Blob {
        /// The repository.
        repo: &'a str,
        /// The digest.
        digest: &'a str,
    },
    /// An upload session.
    Upload {
        /// The repository.
        repo: &'a str,
        /// The session; empty for the request that starts one.
        id: &'a str,
    },
    /// Tags, referrers and whatever else belongs to a repository or to none.
    Other {
        /// The repository, if the path names one.
        repo: &'a str,
    },
}

impl<'a> Resource<'a> {
    /// Reads a path such as `/v2/demo/app/manifests/1.0`.
    pub fn of(path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix("/v2").map(|p| p.trim_start_matches('/')) else {
            return Self::Other { repo: "" };
        };
        if rest.is_empty() {
            return Self::Base;
        }
        if let Some((repo, id)) = rest.rsplit_once("/blobs/uploads/") {
            return Self::Upload { repo, id };
        }
        if let Some((repo, digest)) = rest.rsplit_once("/blobs/") {
            return Self::Blob { repo, digest };
        }
        if let Some((repo, reference)) = rest.rsplit_once("/manifests/") {
            return Self::Manifest { repo, reference };
        }
        let repo = rest
            .strip_suffix("/tags/list")
            .or_else(|| rest.rsplit_once("/referrers/").map(|(repo, _)| repo))
            .unwrap_or_default();
        Self::Other { repo }
    }

    /// The repository, or nothing for paths outside of any.
    pub fn repo(self) -> &'a str {
        match self {
            Self::Base => "",
            Self::Manifest { repo, .. }
            | Self::Blob { repo, .. }
            | Self::Upload { repo, .. }
            | Self::Other { repo } => repo,
        }
    }
}

/// The decoded values of one query parameter, in order.
pub fn query(query: Option<&str>, name: &str) -> Vec<String> {
    let url = format!("http://host/?{}", query.unwrap_or_default());
    let url = reqwest::Url::parse(&url).expect("a query that came over HTTP");
    url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
}

#[test]
fn registry_paths_are_told_apart() {
    for (path, expected) in [
        ("/v2/", Resource::Base),
        ("/v2/a/b/manifests/1", Resource::Manifest { repo: "a/b", reference: "1" }),
        ("/v2/a/blobs/sha256:0", Resource::Blob { repo: "a", digest: "sha256:0" }),
        ("/v2/a/blobs/uploads/", Resource::Upload { repo: "a", id: "" }),
        ("/v2/a/tags/list", Resource::Other { repo: "a" }),
        ("/v2/_catalog", Resource::Other { repo: "" }),
    ] {
        assert_eq!(Resource::of(path), expected, "{path}");
    }
}

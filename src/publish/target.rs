//! The repositories and layouts that are written to.

use super::plan::RepositoryPlan;
use crate::layout::{LayoutError, LayoutWriter};
use crate::location::Location;
use crate::reference::Reference;

/// A repository or layout that is written to.
#[derive(Debug)]
pub(super) struct Target {
    /// A location in it.
    pub location: Location,
    pub writer: TargetWriter,
}

#[derive(Debug)]
pub(super) enum TargetWriter {
    /// A reference in the repository.
    Registry(Reference),
    Layout(LayoutWriter),
}

impl Target {
    /// The target of a plan. Layouts are opened for writing.
    pub(super) fn open(plan: &RepositoryPlan) -> Result<Self, LayoutError> {
        let writer = match &plan.target {
            Location::Registry(reference) => TargetWriter::Registry(reference.clone()),
            Location::Layout(layout) => TargetWriter::Layout(LayoutWriter::open(&layout.path)?),
        };
        Ok(Self { location: plan.target.clone(), writer })
    }
}

//! `mfst completion`

use super::usage::{conflict, expect_args};
use super::values::like_pflag;
use crate::error::UsageError;
use clap::Args;

const EXAMPLES: &str = "
mfst completion bash >mfst.bash
mfst completion zsh >_mfst
mfst completion fish >mfst.fish";

/// The script of each shell. All of them run `mfst __complete`.
pub(super) const SCRIPTS: [(&str, &str); 4] = [
    ("bash", include_str!("scripts/mfst.bash")),
    ("zsh", include_str!("scripts/mfst.zsh")),
    ("fish", include_str!("scripts/mfst.fish")),
    ("powershell", include_str!("scripts/mfst.ps1")),
];

/// Print the completion script of a shell: bash, zsh, fish or powershell
#[derive(Debug, Args)]
#[command(override_usage = "mfst completion SHELL", after_help = EXAMPLES, mut_args = like_pflag)]
pub(super) struct CompletionArgs {
    #[arg(hide = true)]
    args: Vec<String>,
}

impl CompletionArgs {
    pub(super) fn into_text(self) -> Result<String, UsageError> {
        let shell = expect_args("completion", self.args, 1..=1)?.pop().unwrap_or_default();
        if let Some((_, script)) = SCRIPTS.iter().find(|(name, _)| *name == shell) {
            return Ok((*script).to_owned());
        }
        let message = format!("unknown shell \"{shell}\": it must be bash, zsh, fish or powershell");
        Err(conflict("completion", &message))
    }
}

//! The picture of the terminal: what mfst really prints, with its colours.

use anstyle::{AnsiColor, Color, RgbColor, Style};
use anstyle_svg::{Palette, Term};
use mfst_testkit::examples::Examples;
use mfst_testkit::temp;
use mfst_testkit::terminal::Terminal;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The first argument that makes this program behave as mfst.
pub(crate) const AS_MFST: &str = "--as-mfst";

/// The commands in the picture, each with its exit code.
const COMMANDS: [(&str, i32); 3] = [
    (
        "mfst create --push --tag latest example.com/app:1.1 \\\n\
         \x20   example.com/app:1.1-amd64 example.com/app:1.1-arm64",
        0,
    ),
    ("mfst show example.com/app:1.1", 0),
    ("mfst verify --require-platform linux/amd64,linux/arm64,linux/arm/v7 example.com/app:1.1", 1),
];

/// How wide the terminal is, in characters.
const COLUMNS: usize = 88;

const BACKGROUND: RgbColor = RgbColor(0x16, 0x1b, 0x22);
const FOREGROUND: RgbColor = RgbColor(0xe6, 0xed, 0xf3);
/// The sixteen colours of a terminal, the bright ones last.
const PALETTE: Palette = Palette([
    RgbColor(0x48, 0x4f, 0x58),
    RgbColor(0xff, 0x7b, 0x72),
    RgbColor(0x3f, 0xb9, 0x50),
    RgbColor(0xd2, 0x99, 0x22),
    RgbColor(0x58, 0xa6, 0xff),
    RgbColor(0xbc, 0x8c, 0xff),
    RgbColor(0x39, 0xc5, 0xcf),
    RgbColor(0xb1, 0xba, 0xc4),
    RgbColor(0x6e, 0x76, 0x81),
    RgbColor(0xff, 0xa1, 0x98),
    RgbColor(0x56, 0xd3, 0x64),
    RgbColor(0xe3, 0xb3, 0x41),
    RgbColor(0x79, 0xc0, 0xff),
    RgbColor(0xd2, 0xa8, 0xff),
    RgbColor(0x56, 0xd4, 0xdd),
    RgbColor(0xff, 0xff, 0xff),
]);

/// Runs the commands and draws what the terminal shows, as SVG.
pub(crate) fn picture() -> String {
    let directory = temp::dir();
    let mfst = directory.path().join("mfst");
    write_script(&mfst);
    let examples = Examples::start(&mfst);
    let prompt = Style::new().bold().fg_color(Some(Color::Ansi(AnsiColor::Green)));
    let bold = Style::new().bold();
    let mut screen = String::new();
    for (command, expected) in COMMANDS {
        // Through a pipe, stderr has what stays on the screen: no progress bars.
        let line = format!(
            "stty cols {COLUMNS} rows 40; exec 3>&1; ({command} 2>&1 >&3; echo $? >code) | cat; exit $(cat code)"
        );
        let terminal = Terminal::start(&examples.home, &line).expect("util-linux's script");
        let (code, output) = terminal.finish();
        assert_eq!(code, Some(expected), "{command}: {output}");
        writeln!(screen, "{prompt}${prompt:#} {bold}{command}{bold:#}\n{}", output.replace('\r', ""))
            .expect("a string");
    }
    let term = Term::new().palette(PALETTE).fg_color(Color::Rgb(FOREGROUND)).bg_color(Color::Rgb(BACKGROUND));
    term.render_svg(screen.trim_end())
}

/// A script that runs this program as mfst.
fn write_script(path: &Path) {
    let program = std::env::current_exe().expect("the path of this program");
    let script = format!("#!/bin/sh\nexec '{}' {AS_MFST} \"$@\"\n", program.display());
    fs::write(path, script).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("an executable script");
}

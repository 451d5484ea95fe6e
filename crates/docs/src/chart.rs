//! The chart of the measured times.

use crate::speed::Row;
use charts_rs::HorizontalBarChart;
use serde_json::json;

/// The font that the chart is measured with, and those that take its place where it is not installed.
const FONT: &str = "Roboto";
const FONTS: &str = "Roboto, -apple-system, Segoe UI, Noto Sans, Helvetica, Arial, sans-serif";

/// The colours for one background.
pub(crate) struct Theme {
    /// Part of the file's name.
    pub(crate) name: &'static str,
    text: &'static str,
    mfst: &'static str,
    other: &'static str,
}

/// For a light background.
pub(crate) const LIGHT: Theme = Theme { name: "light", text: "#1f2328", mfst: "#1a7f37", other: "#afb8c1" };
/// For a dark one.
pub(crate) const DARK: Theme = Theme { name: "dark", text: "#e6edf3", mfst: "#3fb950", other: "#656c76" };

/// The width of the chart and the height of a bar with the space around it, in pixels.
const WIDTH: usize = 800;
const BAR: usize = 34;
/// The space above and below the bars.
const MARGIN: usize = 5;
/// Where the bars begin, and the room for the text after the longest one.
const LEFT: usize = 260;
const RIGHT: usize = 90;
const FONT_SIZE: usize = 14;

/// A bar for each tool, as SVG on a transparent background.
pub(crate) fn draw(rows: &[&Row], theme: &Theme) -> String {
    let longest = rows.iter().map(|row| row.milliseconds).fold(0.0, f64::max);
    let names = rows.iter().enumerate().map(|(index, row)| {
        let top = MARGIN + BAR * index + (BAR - FONT_SIZE) / 2;
        json!({"text": row.tool, "left": MARGIN, "top": top, "font_size": FONT_SIZE, "font_color": theme.text})
    });
    // The bars are drawn from the bottom.
    let bars = || rows.iter().rev();
    let chart = json!({
        "width": WIDTH,
        "height": 2 * MARGIN + BAR * rows.len(),
        "margin": {"left": LEFT, "top": MARGIN, "right": RIGHT, "bottom": MARGIN},
        "legend_show": false,
        "x_axis_data": bars().map(|row| &row.tool).collect::<Vec<_>>(),
        "x_axis_hidden": true,
        "y_axis_hidden": true,
        "y_axis_configs": [{"axis_min": 0, "axis_max": longest}],
        "grid_stroke_color": "transparent",
        "series_label_font_color": theme.text,
        "series_label_formatter": "{t} ms",
        "series_list": [{
            "name": "milliseconds",
            "label_show": true,
            "data": bars().map(|row| row.milliseconds.round()).collect::<Vec<_>>(),
            "colors": bars().map(|row| if row.is_mfst() { theme.mfst } else { theme.other }).collect::<Vec<_>>(),
        }],
        "texts": names.collect::<Vec<_>>(),
    });
    let mut chart = HorizontalBarChart::from_json(&chart.to_string()).expect("a chart");
    chart.background_color = "transparent".into();
    let svg = chart.svg().expect("a picture");
    svg.replace(&format!("font-family=\"{FONT}\""), &format!("font-family=\"{FONTS}\"")) + "\n"
}

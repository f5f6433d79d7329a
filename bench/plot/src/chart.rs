// SPDX-License-Identifier: MIT OR Apache-2.0

//! Line charts with logarithmic axes, and bars.

use plotters::prelude::*;
use plotters::style::full_palette;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;
use std::error::Error;

const SIZE: (u32, u32) = (820, 460);
const FONT: &str = "sans-serif";

/// Tell series apart, also without colours: lines end in their names' order.
const COLOURS: [RGBColor; 10] = [
    full_palette::BLUE_700,
    full_palette::RED_700,
    full_palette::GREEN_700,
    full_palette::ORANGE_800,
    full_palette::PURPLE_700,
    full_palette::BROWN_600,
    full_palette::CYAN_800,
    full_palette::PINK_600,
    full_palette::LIME_800,
    full_palette::GREY_800,
];

/// What kipc is drawn in, whatever it is beside.
const OURS: RGBColor = full_palette::BLACK;

fn colour(name: &str, at: usize) -> RGBColor {
    if name.starts_with("kipc") {
        OURS
    } else {
        COLOURS[at % COLOURS.len()]
    }
}

/// A name, and points by growing x.
pub(crate) type Series = (String, Vec<(f64, f64)>);

/// What stands at a chart's sides.
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
}

/// The ends of all values.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

/// Lines, on logarithmic axes. Returns the SVG.
pub(crate) fn lines(labels: &Labels<'_>, series: &[Series]) -> Result<String, Box<dyn Error>> {
    let points = || series.iter().flat_map(|(_, points)| points.iter().copied());
    let (left, right) = range(points().map(|(x, _)| x));
    let (bottom, top) = range(points().map(|(_, y)| y));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(labels.title, (FONT, 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(80)
            .build_cartesian_2d(
                (left..right * 1.05).log_scale(),
                (bottom * 0.8..top * 1.3).log_scale(),
            )?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(labels.x)
            .y_desc(labels.y)
            .x_label_formatter(&|value| quantity(*value))
            .y_label_formatter(&|value| quantity(*value))
            .draw()?;
        for (at, (name, points)) in series.iter().enumerate() {
            let colour = colour(name, at);
            let width = if colour == OURS { 3 } else { 2 };
            let style = colour.stroke_width(width);
            chart
                .draw_series(LineSeries::new(points.iter().copied(), style))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            let marks = points
                .iter()
                .map(|point| Circle::new(*point, 3, colour.filled()));
            chart.draw_series(marks)?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(full_palette::GREY_400)
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

/// Bars on a logarithmic axis, one for each name. Returns the SVG.
pub(crate) fn bars(labels: &Labels<'_>, bars: &[(String, f64)]) -> Result<String, Box<dyn Error>> {
    let (least, most) = range(bars.iter().map(|(_, value)| *value));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let rows = i32::try_from(bars.len())?;
        let mut chart = ChartBuilder::on(&area)
            .caption(labels.title, (FONT, 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(170)
            .build_cartesian_2d(
                (least * 0.5..most * 2.0).log_scale(),
                (0..rows).into_segmented(),
            )?;
        // The first at the top.
        let name = |row: &SegmentValue<i32>| match row {
            SegmentValue::CenterOf(row) => usize::try_from(rows - 1 - row)
                .ok()
                .and_then(|at| bars.get(at))
                .map_or_else(String::new, |(name, _)| name.clone()),
            _ => String::new(),
        };
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .disable_y_mesh()
            .y_labels(bars.len())
            .x_desc(labels.x)
            .y_desc(labels.y)
            .x_label_formatter(&|value| quantity(*value))
            .y_label_formatter(&name)
            .draw()?;
        for (at, (name, value)) in bars.iter().enumerate() {
            let row = rows - 1 - i32::try_from(at)?;
            let ends = [
                (least * 0.5, SegmentValue::Exact(row)),
                (*value, SegmentValue::Exact(row + 1)),
            ];
            let colour = colour(name, 0);
            let mut bar = Rectangle::new(ends, colour.mix(0.8).filled());
            bar.set_margin(4, 4, 0, 0);
            chart.draw_series([bar])?;
            let end = (*value, SegmentValue::CenterOf(row));
            let style = (FONT, 13)
                .into_text_style(&area)
                .pos(Pos::new(HPos::Left, VPos::Center));
            chart.draw_series([Text::new(format!(" {}", quantity(*value)), end, style)])?;
        }
        area.present()?;
    }
    Ok(svg)
}

/// With three digits that count.
fn quantity(value: f64) -> String {
    let (value, unit) = match value {
        v if v >= 1e6 => (v / 1e6, " M"),
        v if v >= 1e4 => (v / 1e3, " k"),
        v => (v, ""),
    };
    match value {
        v if v >= 100.0 => format!("{v:.0}{unit}"),
        v if v >= 10.0 => format!("{v:.0}{unit}"),
        v if (v - v.round()).abs() < 0.005 => format!("{v:.0}{unit}"),
        v => format!("{v:.2}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short() {
        let texts = [0.25, 1.0, 12.4, 4096.0, 65536.0, 1_500_000.0].map(quantity);
        assert_eq!(texts, ["0.25", "1", "12", "4096", "66 k", "1.50 M"]);
    }

    #[test]
    fn charts_name_what_they_show() {
        let labels = Labels {
            title: "a title",
            x: "across",
            y: "up",
        };
        let series = [("kipc".to_owned(), vec![(1.0, 10.0), (8.0, 40.0)])];
        let svg = lines(&labels, &series).expect("a chart");
        for text in ["a title", "across", "up", "kipc"] {
            assert!(svg.contains(text), "{text}");
        }
        let svg = bars(
            &labels,
            &[("kipc".to_owned(), 3.0), ("other".to_owned(), 1.0)],
        );
        assert!(svg.expect("a chart").contains("other"));
    }
}

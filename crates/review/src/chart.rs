//! Line charts as SVG, for pages and documentation.

use plotters::prelude::*;

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it shows, for the legend.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A chart that cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the chart {title:?} cannot be drawn: {reason}")]
pub struct ChartError {
    title: String,
    reason: String,
}

/// Colours that are told apart with colour-blind eyes too (Okabe and Ito), on white.
const COLOURS: [RGBColor; 7] = [
    RGBColor(86, 86, 86),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
];

/// Draws lines over common axes that start at 0.
///
/// # Errors
/// When there is no point, or one is not a finite number.
pub fn lines(title: &str, across: &str, up: &str, lines: &[Line]) -> Result<String, ChartError> {
    let failed = |reason: String| ChartError { title: title.to_owned(), reason };
    let points = || lines.iter().flat_map(|line| &line.points);
    if points().next().is_none() || points().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
        return Err(failed("it needs points that are finite numbers".to_owned()));
    }
    let least = |number: f64| number.max(f64::MIN_POSITIVE);
    let right = least(points().map(|point| point.0).fold(0.0, f64::max));
    let top = least(points().map(|point| point.1).fold(0.0, f64::max)) * 1.05;
    let bottom = points().map(|point| point.1).fold(0.0, f64::min);
    let mut svg = String::new();
    draw(&mut svg, title, [across, up], [right, bottom, top], lines)
        .map_err(|error| failed(error.to_string()))?;
    Ok(described(&svg, title))
}

fn draw(
    svg: &mut String,
    title: &str,
    [across, up]: [&str; 2],
    [right, bottom, top]: [f64; 3],
    lines: &[Line],
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (760, 440)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..right, bottom..top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(224, 224, 224))
        .x_desc(across)
        .y_desc(up)
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .position(SeriesLabelPosition::UpperRight)
        .draw()?;
    area.present()?;
    Ok(())
}

/// With a title for screen readers.
fn described(svg: &str, title: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    match svg.split_once('>') {
        Some((head, rest)) => format!("{head} role=\"img\">\n<title>{title}</title>{rest}"),
        None => svg.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: &[(f64, f64)]) -> Line {
        Line { name: "a <b>".to_owned(), points: points.to_vec() }
    }

    #[test]
    fn a_chart_is_well_formed_and_says_what_it_shows() {
        let svg =
            lines("Risk & time", "hours", "risk", &[line(&[(0.0, 3.0), (2.0, 1.0)])]).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        for text in ["Risk & time", "hours", "risk", "a <b>"] {
            assert!(texts.iter().any(|found| found.trim() == text), "{text} in {texts:?}");
        }
        assert!(document.descendants().any(|node| node.has_tag_name("polyline")));
    }

    #[test]
    fn a_chart_of_nothing_is_an_error() {
        assert!(lines("t", "x", "y", &[]).is_err());
        assert!(lines("t", "x", "y", &[line(&[(0.0, f64::NAN)])]).is_err());
    }

    #[test]
    fn all_points_at_zero_are_drawn() {
        lines("t", "x", "y", &[line(&[(0.0, 0.0)])]).unwrap();
    }
}

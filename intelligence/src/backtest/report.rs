//! The report: one HTML page with nothing outside itself. A table and three kinds of plots as SVG: how long requests took
//! in all, how long over time, and whom each policy asked first over time.

use std::fmt::Write;

use plotters::coord::Shift;
use plotters::prelude::{
    AreaSeries, ChartBuilder, Color, DrawingArea, IntoDrawingArea, IntoFont, LineSeries, PathElement, RGBColor,
    Rectangle, SVGBackend, SeriesLabelPosition, Text, WHITE,
};

use super::{Outcome, Replayed};
use crate::replay::Served;
use crate::scenario::float;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Points of a curve over time.
const BINS: usize = 45;
/// Colours that people who see few can tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(90, 90, 90),
    RGBColor(150, 120, 60),
];
const INK: RGBColor = RGBColor(51, 51, 51);
const FAINT: RGBColor = RGBColor(225, 225, 225);
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;color:#333;max-width:1000px;margin:2rem auto;padding:0 1rem}\
    pre{background:#f6f6f6;padding:1rem;overflow-x:auto}svg{width:100%;height:auto}h1{font-size:1.4rem}";

pub(super) fn page(outcome: &Outcome) -> anyhow::Result<String> {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Backtest</title><style>{STYLE}</style>\
         <h1>Backtest</h1><pre>{}</pre>",
        escaped(&outcome.table())
    );
    page += "<p>Regret is the mean time above that of an oracle, which knows how every provider does at every moment.\
             A request that nobody served counts its time and a minute.</p>";
    page += &drawn((1000, 300), |area| totals(area, &outcome.replays))?;
    page += &drawn((1000, 380), |area| over_time(area, &outcome.replays))?;
    for (model, (name, providers)) in outcome.models.iter().enumerate() {
        let _ = write!(page, "<h1>{}</h1>", escaped(name));
        let height = 60 + 150 * u32::try_from(outcome.replays.len()).unwrap_or(1);
        page += &drawn((1000, height), |area| first_choices(area, &outcome.replays, model, providers))?;
    }
    Ok(page + "</html>\n")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An SVG of this size.
fn drawn(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    // A fixed size would not fit a narrow window.
    let (width, height) = size;
    Ok(text.replacen(&format!("<svg width=\"{width}\" height=\"{height}\""), "<svg", 1))
}

fn colour(index: usize) -> RGBColor {
    COLOURS[index % COLOURS.len()]
}

/// Mean and 95th percentile of every policy, as bars.
fn totals(area: &Area<'_>, replays: &[Replayed]) -> anyhow::Result<()> {
    let slowest = replays.iter().map(|replay| replay.figures.p95_ms / 1000.0).fold(0.1, f64::max);
    let rows = float(i64::try_from(replays.len())?);
    let mut chart = ChartBuilder::on(area)
        .caption("Time to output: mean (solid) and 95th percentile (pale), seconds", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(120)
        .build_cartesian_2d(0.0..slowest * 1.12, 0.0..rows)?;
    chart.configure_mesh().disable_y_mesh().y_labels(0).light_line_style(WHITE).bold_line_style(FAINT).draw()?;
    let plot = chart.plotting_area();
    for (index, Replayed { policy, figures, .. }) in replays.iter().enumerate() {
        let (top, colour) = (rows - float(i64::try_from(index)?), colour(index));
        let (mean, p95) = (figures.mean_ms / 1000.0, figures.p95_ms / 1000.0);
        plot.draw(&Rectangle::new([(0.0, top - 0.2), (p95, top - 0.8)], colour.mix(0.25).filled()))?;
        plot.draw(&Rectangle::new([(0.0, top - 0.2), (mean, top - 0.8)], colour.filled()))?;
        let font = || ("sans-serif", 14).into_font().color(&INK);
        plot.draw(&Text::new(format!("{mean:.2} / {p95:.2}"), (p95 + slowest * 0.01, top - 0.38), font()))?;
        let (x, y) = plot.map_coordinate(&(0.0, top - 0.38));
        area.draw(&Text::new(policy.clone(), (x - 118, y), font()))?;
    }
    Ok(())
}

/// Mean time to output in every stretch of time, a curve per policy.
fn over_time(area: &Area<'_>, replays: &[Replayed]) -> anyhow::Result<()> {
    let times = Times::of(replays);
    let curves: Vec<Vec<(f64, f64)>> = replays.iter().map(|replay| times.means(&replay.served)).collect();
    let highest = curves.iter().flatten().map(|(_, seconds)| *seconds).fold(0.1, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("Mean time to output over time, seconds", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..times.minutes(), 0.0..highest * 1.05)?;
    chart.configure_mesh().x_desc("minutes").light_line_style(WHITE).bold_line_style(FAINT).draw()?;
    for (index, (curve, replay)) in curves.into_iter().zip(replays).enumerate() {
        let style = colour(index).stroke_width(2);
        chart
            .draw_series(LineSeries::new(curve, style))?
            .label(replay.policy.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

/// Whom a policy asked first, as shares over time: a band per provider, a strip per policy.
fn first_choices(area: &Area<'_>, replays: &[Replayed], model: usize, providers: &[String]) -> anyhow::Result<()> {
    let times = Times::of(replays);
    let (head, strips) = area.split_vertically(40);
    head.draw(&Text::new("Asked first, share of requests:", (12, 12), ("sans-serif", 16).into_font().color(&INK)))?;
    let mut left = 270;
    for (index, provider) in providers.iter().enumerate() {
        head.draw(&Rectangle::new([(left, 14), (left + 14, 28)], colour(index).filled()))?;
        head.draw(&Text::new(provider.clone(), (left + 20, 13), ("sans-serif", 14).into_font().color(&INK)))?;
        left += 60 + 8 * i32::try_from(provider.len()).unwrap_or(0);
    }
    for (strip, replay) in strips.split_evenly((replays.len(), 1)).iter().zip(replays) {
        let mut chart = ChartBuilder::on(strip)
            .caption(&replay.policy, ("sans-serif", 15))
            .margin(6)
            .x_label_area_size(22)
            .y_label_area_size(50)
            .build_cartesian_2d(0.0..times.minutes(), 0.0..1.0)?;
        chart.configure_mesh().y_labels(3).light_line_style(WHITE).bold_line_style(FAINT).draw()?;
        // The uppermost band is drawn first and whole, and the others over it.
        for offer in (0..providers.len()).rev() {
            let curve = times.shares(&replay.served, model, offer);
            chart.draw_series(AreaSeries::new(curve, 0.0, colour(offer).filled()))?;
        }
    }
    Ok(())
}

/// From when to when, in milliseconds.
struct Times {
    from_ms: i64,
    until_ms: i64,
}

impl Times {
    fn of(replays: &[Replayed]) -> Self {
        let all = || replays.iter().flat_map(|replay| &replay.served).map(|served| served.at_ms);
        let from_ms = all().min().unwrap_or(0);
        Self { from_ms, until_ms: all().max().unwrap_or(0).max(from_ms + 1) }
    }

    fn minutes(&self) -> f64 {
        float(self.until_ms - self.from_ms) / 60_000.0
    }

    fn bin(&self, served: &Served) -> usize {
        let bins = i64::try_from(BINS).unwrap_or(1);
        let bin = (served.at_ms - self.from_ms) * bins / (self.until_ms - self.from_ms);
        usize::try_from(bin).unwrap_or(0).min(BINS - 1)
    }

    /// Minutes to the middle of a bin.
    fn middle(&self, bin: usize) -> f64 {
        let share = (float(i64::try_from(bin).unwrap_or(0)) + 0.5) / float(i64::try_from(BINS).unwrap_or(1));
        share * self.minutes()
    }

    fn means(&self, served: &[Served]) -> Vec<(f64, f64)> {
        let mut bins = [(0_i64, 0_i64); BINS];
        for served in served.iter().filter(|served| !served.impatient) {
            let (sum, count) = &mut bins[self.bin(served)];
            *sum += served.took_ms;
            *count += 1;
        }
        let filled = bins.iter().enumerate().filter(|(_, (_, count))| *count > 0);
        filled.map(|(bin, (sum, count))| (self.middle(bin), float(*sum) / float(*count) / 1000.0)).collect()
    }

    /// Share of requests whose first choice is one of the offers up to this one, so that bands stand on each other.
    fn shares(&self, served: &[Served], model: usize, offer: usize) -> Vec<(f64, f64)> {
        let mut bins = [(0_i64, 0_i64); BINS];
        for served in served.iter().filter(|served| served.model == model) {
            let (below, count) = &mut bins[self.bin(served)];
            let Some(first) = served.tried.first() else { continue };
            *below += i64::from(*first <= offer);
            *count += 1;
        }
        let filled = bins.iter().enumerate().filter(|(_, (_, count))| *count > 0);
        filled.map(|(bin, (below, count))| (self.middle(bin), float(*below) / float(*count))).collect()
    }
}

//! Charts as SVG inside the page: lines over a linear or logarithmic axis.

use std::fmt::Write;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

/// An axis from one value to another.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) is_log: bool,
    /// Where it is marked, and as what.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to a round number above all values.
    pub(super) fn linear(max: f64, label: impl Fn(f64) -> String) -> Self {
        let raw = (max / 4.0).max(f64::MIN_POSITIVE);
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= raw * 0.999)
            .unwrap_or(power * 10.0);
        let steps = (0..=5).map(f64::from).map(|n| n * step);
        let ticks: Vec<_> = steps
            .take_while(|at| *at < max + step)
            .map(|at| (at, label(at)))
            .collect();
        let to = ticks.last().map_or(1.0, |(at, _)| *at);
        Self {
            from: 0.0,
            to,
            is_log: false,
            ticks,
        }
    }

    /// Around all values, marked at 1, 2 and 5 of each power of ten as far as
    /// there is room.
    pub(super) fn log(min: f64, max: f64, label: impl Fn(f64) -> String) -> Self {
        let (low, high) = (min.max(1e-3), max.max(min.max(1e-3) * 1.01));
        let marks = |factors: &[f64]| -> Vec<f64> {
            let first = low.log10().floor();
            (0..16)
                .flat_map(|n| {
                    let power = 10f64.powf(first + f64::from(n));
                    factors
                        .iter()
                        .map(move |factor| factor * power)
                        .collect::<Vec<_>>()
                })
                .collect()
        };
        let fine = marks(&[1.0, 2.0, 5.0]);
        let from = fine
            .iter()
            .copied()
            .rfind(|at| *at <= low * 1.0001)
            .unwrap_or(low);
        let to = fine
            .iter()
            .copied()
            .find(|at| *at >= high * 0.9999)
            .unwrap_or(high);
        let within = |marks: Vec<f64>| -> Vec<f64> {
            marks
                .into_iter()
                .filter(|at| *at >= from * 0.999 && *at <= to * 1.001)
                .collect()
        };
        let fine = within(fine);
        let chosen = if fine.len() <= 9 {
            fine
        } else {
            within(marks(&[1.0]))
        };
        Self {
            from,
            to,
            is_log: true,
            ticks: chosen.into_iter().map(|at| (at, label(at))).collect(),
        }
    }

    fn share(&self, value: f64) -> f64 {
        let share = if self.is_log {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        share.clamp(0.0, 1.0)
    }
}

/// A line of a chart.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// A CSS variable.
    pub(super) color: &'static str,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) dashed: bool,
    pub(super) filled: bool,
}

/// A chart of that height; `marks` are instants of errors.
pub(super) fn chart(
    title: &str,
    height: f64,
    x: &Axis,
    y: &Axis,
    lines: &[Line],
    marks: &[f64],
) -> String {
    let (inner_width, inner_height) = (WIDTH - LEFT - RIGHT, height - TOP - BOTTOM);
    let at_x = |value: f64| LEFT + inner_width * x.share(value);
    let at_y = |value: f64| TOP + inner_height * (1.0 - y.share(value));
    let mut out =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">");
    for (value, label) in &y.ticks {
        let at = at_y(*value);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 10.0,
            at + 4.0
        );
    }
    for (number, (value, label)) in x.ticks.iter().enumerate() {
        let at = at_x(*value);
        let anchor = if number + 1 == x.ticks.len() && at > WIDTH - RIGHT - 12.0 {
            "end"
        } else {
            "middle"
        };
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text>",
            height - BOTTOM,
            height - BOTTOM + 4.0,
            height - 6.0
        );
    }
    for line in lines {
        if line.points.is_empty() {
            continue;
        }
        let mut path = String::new();
        for (number, (px, py)) in line.points.iter().enumerate() {
            let command = if number == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}", at_x(*px), at_y(*py));
        }
        if line.filled {
            let (first, last) = (line.points[0].0, line.points[line.points.len() - 1].0);
            let _ = write!(
                out,
                "<path class=\"area\" style=\"fill:var({})\" d=\"{path}L{:.1} {bottom:.1}L{:.1} {bottom:.1}Z\"/>",
                line.color,
                at_x(last),
                at_x(first),
                bottom = height - BOTTOM
            );
        }
        let dash = if line.dashed {
            " stroke-dasharray=\"5 5\""
        } else {
            ""
        };
        let _ = write!(
            out,
            "<path class=\"curve\" style=\"stroke:var({})\"{dash} d=\"{path}\"/>",
            line.color
        );
    }
    for mark in marks {
        let _ = write!(
            out,
            "<circle class=\"error\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\"/>",
            at_x(*mark),
            height - BOTTOM
        );
    }
    out.push_str("</svg>");
    out
}

/// Horizontal bars with their spread: (name, colour, median, min, max).
pub(super) fn bars(
    title: &str,
    rows: &[(String, &'static str, f64, f64, f64)],
    label: impl Fn(f64) -> String,
) -> String {
    const ROW: f64 = 34.0;
    const NAME: f64 = 150.0;
    const VALUE: f64 = 100.0;
    let height = ROW * f64::from(u32::try_from(rows.len()).unwrap_or(0)) + 8.0;
    let most = rows
        .iter()
        .map(|row| row.4.max(row.2))
        .fold(f64::MIN_POSITIVE, f64::max);
    let at = |value: f64| NAME + (WIDTH - NAME - VALUE - RIGHT) * value / most;
    let mut out =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">");
    let mut top = 4.0;
    for (name, color, median, min, max) in rows {
        let middle = top + ROW / 2.0;
        let _ = write!(
            out,
            "<text x=\"0\" y=\"{:.1}\">{name}</text>\
             <rect x=\"{NAME}\" y=\"{:.1}\" width=\"{:.1}\" height=\"16\" rx=\"2\" style=\"fill:var({color})\"/>\
             <path d=\"M{a:.1} {middle:.1}H{b:.1}M{a:.1} {u:.1}v8M{b:.1} {u:.1}v8\" style=\"stroke:var(--ink);stroke-width:1.5\"/>\
             <text x=\"{WIDTH}\" y=\"{:.1}\" text-anchor=\"end\" style=\"fill:var(--ink)\">{}</text>",
            middle + 4.0,
            middle - 8.0,
            at(*median) - NAME,
            middle + 4.0,
            label(*median),
            a = at(*min),
            b = at(*max),
            u = middle - 4.0,
        );
        top += ROW;
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_their_values_at_round_marks() {
        fn check(axis: &Axis, min: f64, max: f64) {
            assert!(
                axis.from <= min * 1.001 && axis.to >= max * 0.999,
                "{axis:?}"
            );
            assert!((2..=12).contains(&axis.ticks.len()), "{axis:?}");
        }
        for max in [1.0, 7.0, 99.0, 100.0, 123_456.0] {
            check(&Axis::linear(max, |at| at.to_string()), 0.0, max);
            check(
                &Axis::log(max / 1000.0, max, |at| at.to_string()),
                max / 1000.0,
                max,
            );
            check(&Axis::log(max, max, |at| at.to_string()), max, max);
        }
    }

    #[test]
    fn a_chart_without_points_is_still_one() {
        let axis = Axis::linear(1.0, |at| at.to_string());
        let line = Line {
            color: "--s0",
            points: Vec::new(),
            dashed: false,
            filled: true,
        };
        let svg = chart("empty", 100.0, &axis, &axis, &[line], &[]);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>") && !svg.contains("NaN"));
    }
}

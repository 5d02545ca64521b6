//! A plot of values over places in order.

use maud::{Markup, html};

use super::{Scale, place};
use crate::text::Text;

/// The size of a plot's drawing; on the page it is as wide as there is room.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 280.0;
/// Room for the labels of the axes.
const LEFT: f64 = 54.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;

/// A plot: axes and what is drawn between them.
pub struct Plot<'a> {
    /// The horizontal axis.
    pub x: Scale,
    /// The vertical axis.
    pub y: Scale,
    /// What the horizontal axis says.
    pub label: Text,
    /// The id of the element that names the plot.
    pub named_by: &'a str,
    /// What is drawn, the last on top.
    pub series: Vec<Series>,
}

/// Values of one kind, drawn alike.
pub struct Series {
    /// The class that gives it its colour.
    pub class: &'static str,
    /// How it is drawn.
    pub shape: Shape,
    /// Its values, in order.
    pub marks: Vec<Mark>,
}

/// How values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One line through all, within a band of their intervals.
    Line,
    /// A filled point for each, with its interval.
    Dots,
    /// A hollow diamond for each, with its interval.
    Diamonds,
}

/// A value and its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Its place on the horizontal axis.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end of its interval.
    pub high: f64,
}

impl Mark {
    /// A value without an interval.
    pub fn at(x: f64, y: f64) -> Self {
        Self {
            x,
            y,
            low: y,
            high: y,
        }
    }
}

impl Plot<'_> {
    /// Where the horizontal axis begins and ends in the drawing.
    pub const SIDES: (f64, f64) = (LEFT, WIDTH - RIGHT);

    /// The drawing.
    pub fn draw(&self) -> Markup {
        let (left, right, bottom) = (LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM);
        html! {
            svg.plot viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img"
                aria-labelledby=(self.named_by) {
                @for tick in self.y.ticks(6) {
                    @if let Some(y) = self.down(tick.value) {
                        line.grid x1=(left) x2=(right) y1=(y) y2=(y) {}
                        text.tick.n.end x=(left - 8.0) y=(y + 4.0) { (tick.label) }
                    }
                }
                @for tick in self.x.ticks(8).into_iter().filter(|tick| tick.value.fract() == 0.0) {
                    @if let Some(x) = self.across(tick.value) {
                        line.axis x1=(x) x2=(x) y1=(bottom) y2=(bottom + 5.0) {}
                        text.tick.n.middle x=(x) y=(bottom + 19.0) { (tick.label) }
                    }
                }
                line.axis x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
                (self.label.drawn(place((left + right) / 2.0), HEIGHT - 6.0, "label middle"))
                line.cursor x1=(left) x2=(left) y1=(TOP) y2=(bottom) {}
                @for series in &self.series {
                    g class=(series.class) { (self.drawn(series)) }
                }
            }
        }
    }

    fn drawn(&self, series: &Series) -> Markup {
        match series.shape {
            Shape::Line => html! {
                @if let Some(band) = self.band(&series.marks) { path.band d=(band) {} }
                path.line d=(self.line(&series.marks)) {}
            },
            Shape::Dots | Shape::Diamonds => html! {
                path.interval d=(self.intervals(&series.marks)) {}
                @for mark in &series.marks {
                    @if let (Some(x), Some(y)) = (self.across(mark.x), self.down(mark.y)) {
                        @if series.shape == Shape::Dots {
                            circle.dot cx=(x) cy=(y) r="3.2" {}
                        } @else {
                            path.diamond d={ "M" (x) " " (place(y - 4.2)) "l4.2 4.2-4.2 4.2-4.2-4.2z" } {}
                        }
                    }
                }
            },
        }
    }

    fn line(&self, marks: &[Mark]) -> String {
        self.through(marks.iter().map(|mark| (mark.x, mark.y)))
    }

    /// `None` if no value has an interval.
    fn band(&self, marks: &[Mark]) -> Option<String> {
        let is_wide = marks.iter().any(|mark| mark.low < mark.high);
        let upper = marks.iter().map(|mark| (mark.x, mark.high));
        let lower = marks.iter().rev().map(|mark| (mark.x, mark.low));
        is_wide.then(|| self.through(upper.chain(lower)) + "z")
    }

    fn intervals(&self, marks: &[Mark]) -> String {
        let ends = marks.iter().filter_map(|mark| {
            let x = self.across(mark.x)?;
            let (low, high) = (self.down(mark.low)?, self.down(mark.high)?);
            (low != high).then(|| format!("M{x} {low}V{high}"))
        });
        ends.collect()
    }

    /// A line through places; those without a place are left out.
    fn through(&self, places: impl Iterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (x, y) in places {
            if let (Some(x), Some(y)) = (self.across(x), self.down(y)) {
                path += if path.is_empty() { "M" } else { "L" };
                path += &format!("{x} {y}");
            }
        }
        path
    }

    fn across(&self, value: f64) -> Option<f64> {
        Some(place(LEFT + self.x.place(value)? * (WIDTH - LEFT - RIGHT)))
    }

    fn down(&self, value: f64) -> Option<f64> {
        Some(place(
            HEIGHT - BOTTOM - self.y.place(value)? * (HEIGHT - TOP - BOTTOM),
        ))
    }
}

//! How large a drawing is, and where its axes stand.

/// The sizes of a plot's drawing; on the page it is as wide as there is room.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// The width of the whole drawing.
    pub(super) width: f64,
    /// The height of the whole drawing.
    pub(super) height: f64,
    /// Room for the labels of the vertical axis.
    pub(super) left: f64,
    /// Room for the labels of the horizontal axis.
    pub(super) bottom: f64,
    /// Ticks of the horizontal axis, about.
    pub(super) across: usize,
    /// Ticks of the vertical axis, about.
    pub(super) down: usize,
}

impl Frame {
    /// A plot on its own.
    pub const WIDE: Self = Self {
        width: 520.0,
        height: 280.0,
        left: 54.0,
        bottom: 44.0,
        across: 8,
        down: 6,
    };
    /// One of several plots side by side.
    pub const SMALL: Self = Self {
        width: 300.0,
        height: 190.0,
        left: 46.0,
        bottom: 42.0,
        across: 5,
        down: 4,
    };
    const RIGHT: f64 = 12.0;
    const TOP: f64 = 12.0;

    /// The left and the right end of the horizontal axis.
    pub(super) fn sides(&self) -> (f64, f64) {
        (self.left, self.width - Self::RIGHT)
    }

    /// The lower and the upper end of the vertical axis.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.height - self.bottom, Self::TOP)
    }
}

//! What a key can ask for.

/// Everything that can be asked for by a key, by name in the key table and the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// One line down or up, a page, to the ends.
    Down,
    /// One line up.
    Up,
    /// Half a page down.
    HalfDown,
    /// Half a page up.
    HalfUp,
    /// A page down.
    PageDown,
    /// A page up.
    PageUp,
    /// To the first line.
    First,
    /// To the last line.
    Last,
    /// Open what is under the cursor: children of a parent, else the run.
    Open,
    /// Show the run whole.
    Details,
    /// Open the children, or go into them.
    Expand,
    /// Close the children, or go to the parent.
    Collapse,
    /// Open or close all parents.
    ExpandAll,
    /// One step back.
    Back,
    /// Back, then quit.
    Quit,
    /// Quit at once.
    QuitNow,
    /// To the shell, for a while.
    Suspend,
    /// The next pane.
    NextPane,
    /// The pane before.
    PreviousPane,
    /// The experiments pane.
    Experiments,
    /// The runs pane.
    Runs,
    /// The preview of the run under the cursor, on or off.
    Preview,
    /// The pane with the cursor alone on the screen, or all panes.
    Zoom,
    /// The next tab.
    NextTab,
    /// The tab before.
    PreviousTab,
    /// A tab by its number, from 0.
    Tab(u8),
    /// Mark a run for comparing.
    Mark,
    /// Mark from the last mark to here.
    MarkRange,
    /// Unmark all.
    Unmark,
    /// Narrow as you type.
    Find,
    /// Type a filter.
    Filter,
    /// Every action and command by name.
    Palette,
    /// Complete what is being typed, or the next completion.
    Complete,
    /// The completion before.
    CompleteBefore,
    /// Keep what was typed under a name.
    Keep,
    /// The next match.
    NextMatch,
    /// The match before.
    PreviousMatch,
    /// Choose the column that orders.
    Sort,
    /// Turn the order around.
    Reverse,
    /// One more column that orders.
    SortAlso,
    /// Parents where the best of their children would stand, or by their own value.
    ByChild,
    /// Choose columns.
    Columns,
    /// A column on or off.
    Toggle,
    /// A narrower column.
    Narrower,
    /// A wider column.
    Wider,
    /// A column that stays at the left.
    KeepLeft,
    /// The next way to write the numbers of a column.
    NumberFormat,
    /// Colours by rank for a column.
    Heat,
    /// Columns that choose themselves.
    Automatic,
    /// Another value of the metrics: last, best, lowest...
    NextAggregate,
    /// Which way a metric is better.
    Better,
    /// Tree, flat, or groups.
    NextGrouping,
    /// Choose what groups.
    Groups,
    /// Keep a run above all others.
    Pin,
    /// Leave a run out.
    Hide,
    /// Bring back what was left out.
    Unhide,
    /// Saved views.
    Views,
    /// Forget what is under the cursor.
    Forget,
    /// Scroll the columns to the right.
    Right,
    /// Scroll the columns to the left.
    Left,
    /// Only what differs.
    Differing,
    /// Compare the marked runs.
    Compare,
    /// Curves of the marked runs, or of the run under the cursor.
    Charts,
    /// The next metric of a comparison's curves.
    NextMetric,
    /// The metric before.
    PreviousMetric,
    /// The next run's curve on top of the others.
    Front,
    /// Steps, elapsed or local time along the chart.
    Axis,
    /// Logarithmic values.
    Log,
    /// A shorter stretch of the chart.
    ZoomIn,
    /// A longer stretch of the chart.
    ZoomOut,
    /// The whole chart.
    ZoomReset,
    /// The crosshair to the left.
    CrossLeft,
    /// The crosshair to the right.
    CrossRight,
    /// The run below, in the detail.
    NextRun,
    /// The run above, in the detail.
    PreviousRun,
    /// Copy what is under the cursor.
    Copy,
    /// Write what is shown to files.
    Export,
    /// Show deleted runs and experiments, or hide them.
    Deleted,
    /// Look at the whole store again.
    Rescan,
    /// The picture stays as it is, or is alive again.
    Freeze,
    /// What has happened while one watched.
    Notices,
    /// To the other store of the project: from `mlruns` to `mlflow.db`, or back.
    OtherStore,
    /// What could not be read.
    Problems,
    /// All keys.
    Help,
}

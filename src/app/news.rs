//! What has happened while one watched: runs that ended, went NaN or fell silent.

use super::{App, Notice};
use crate::index::{Index, RunKey, Status};
use crate::query::vitals::Stale;
use crate::shown::{Shown, shown};

/// Something that has happened to a run.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// When it was noticed, milliseconds since the epoch.
    pub at: i64,
    /// Whose it is.
    pub run: RunKey,
    /// What the run is called: it may be gone by the time this is read.
    pub title: Shown,
    /// What has happened.
    pub what: What,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// It has ended, in this state.
    Ended(Status),
    /// The latest value of a metric is no number any more; and how many others.
    NotFinite(Shown, f64, usize),
    /// It may not be training any more.
    Stale(Stale),
    /// What somebody wanted to be told, such as a command that could not be run.
    Told(Shown),
}

/// As many are kept.
pub const KEPT: usize = 1000;

impl News {
    /// News about a run.
    pub fn new(at: i64, index: &Index, run: RunKey, what: What) -> Self {
        let title = index.run(run).map_or_else(|| Shown::own("a run"), |run| shown(run.title()));
        Self { at, run, title, what }
    }

    /// What has happened, without whose it is.
    pub fn text(&self) -> String {
        match &self.what {
            What::Ended(Status::Finished) => "has finished".to_owned(),
            What::Ended(Status::Failed) => "has failed".to_owned(),
            What::Ended(Status::Killed) => "was killed".to_owned(),
            What::Ended(_) => "trains no more".to_owned(),
            What::NotFinite(metric, value, others) => {
                let value = crate::format::number(*value);
                let others =
                    if *others == 0 { String::new() } else { format!(", and {others} more metrics") };
                format!("{metric} is {value}{others}")
            }
            What::Stale(stale) => format!("may have died: {}", stale.reason()),
            What::Told(told) => told.as_str().to_owned(),
        }
    }

    /// Whether it is bad.
    pub fn is_bad(&self) -> bool {
        !matches!(self.what, What::Ended(Status::Finished))
    }
}

impl App {
    /// Something to tell in the footer. What was told at the start stays behind it until somebody presses a key: which
    /// store is shown is not to be lost to a file of views that cannot be read.
    pub(super) fn take_notice(&mut self, new: Notice) {
        let old =
            self.notice.take().filter(|old| !self.browse.is_touched && self.news.is_empty() && *old != new);
        let both = old.map(|old| Shown::own(format!("{}; {}", new.text, old.text)));
        self.notice = Some(Notice { text: both.unwrap_or(new.text), bad: new.bad });
    }

    /// Takes in what has happened: into the list, and the last of it into the footer.
    pub(super) fn take_news(&mut self, news: Vec<News>) {
        if let Some(last) = news.last() {
            let text = Shown::own(format!("{} {}", last.title, last.text()));
            self.notice = Some(Notice { text, bad: last.is_bad() });
        }
        self.unseen += news.len();
        self.news.extend(news);
        self.news.drain(..self.news.len().saturating_sub(KEPT));
        self.unseen = self.unseen.min(self.news.len());
    }
}

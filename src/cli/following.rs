//! How browsing follows a store: options of `mltop STORE`.

use std::time::Duration;

use clap::Args;

use crate::index::pulse::STALE_AFTER;

/// How a store is followed.
#[derive(Clone, Debug, Args)]
pub struct FollowArgs {
    /// Look for changes every so many SECONDS rather than wait for events of the file system; found out by itself where
    /// events do not come.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub poll: Option<Duration>,
    /// Silence after which a run that says RUNNING is shown as stale?: 90s, 10m, 2h; 0 for never.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = silence)]
    pub stale_after: i64,
    /// Ring the terminal's bell when a run ends, goes NaN or falls silent.
    #[arg(long)]
    pub bell: bool,
    /// Have the shell run CMD when a run ends while you watch, with MLTOP_RUN_ID, MLTOP_RUN_NAME, MLTOP_STATUS,
    /// MLTOP_EXPERIMENT_ID, MLTOP_EXPERIMENT_NAME and MLTOP_STORE in its environment.
    #[arg(long, value_name = "CMD")]
    pub on_finish: Option<String>,
}

impl Default for FollowArgs {
    fn default() -> Self {
        Self { poll: None, stale_after: STALE_AFTER, bell: false, on_finish: None }
    }
}

/// Seconds between two looks: a tenth at least, an hour at most.
fn seconds(text: &str) -> Result<Duration, String> {
    let time = text.trim().trim_end_matches('s').parse::<f64>().ok();
    let time = time.filter(|seconds| (0.1..=3600.0).contains(seconds));
    time.map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds from 0.1 to 3600 is expected".to_owned())
}

/// A time in milliseconds: `600`, `90s`, `10m`, `1h30m`; 0 for never.
fn silence(text: &str) -> Result<i64, String> {
    let plain = text.trim().parse::<u32>().ok().map(|seconds| i64::from(seconds) * 1000);
    let spelled = || text.trim().parse::<jiff::SignedDuration>().ok().map(|time| time.as_millis() as i64);
    match plain.or_else(spelled) {
        Some(0) => Ok(i64::MAX),
        Some(ms) if ms >= 1000 => Ok(ms),
        _ => Err("a time such as 90s, 10m or 2h is expected, or 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_understood_as_people_write_them() {
        for (text, ms) in
            [("600", 600_000), ("90s", 90_000), ("10m", 600_000), ("1h30m", 5_400_000), ("0", i64::MAX)]
        {
            assert_eq!(silence(text), Ok(ms), "{text}");
        }
        for text in ["", "soon", "-5m", "0.2s"] {
            assert!(silence(text).is_err(), "{text}");
        }
        assert_eq!(seconds("2"), Ok(Duration::from_secs(2)));
        assert_eq!(seconds("0.5s"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "nan", "inf", "x", "9999"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}

//! How often the store is looked at.
//!
//! Where events come, looking once a second only finds what was lost, and costs next to nothing. Where they do not, it
//! is all there is: more often while something happens, less often while nothing does, and on network file systems, where
//! each look is a question to a server, less often still.

use std::time::Duration;

use crate::store::Why;

/// Where events come, and on local file systems without events.
const LOCAL: Duration = Duration::from_secs(1);
/// On file systems that announce nothing: those of a network.
const REMOTE: Duration = Duration::from_secs(5);
/// The longest while nothing happens.
const CALM: Duration = Duration::from_secs(30);

/// How often the store is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    asked: Option<Duration>,
    /// What the store itself wants.
    own: Option<Duration>,
    now: Duration,
}

impl Pace {
    /// As often as the user wants, or as is right.
    pub fn new(asked: Option<Duration>) -> Self {
        Self { asked, own: None, now: asked.unwrap_or(LOCAL) }
    }

    /// The time between two looks.
    pub fn interval(self) -> Duration {
        self.now
    }

    /// A store that knows how often it wants to be looked at says so; the user's word counts more.
    pub fn of_store(&mut self, own: Option<Duration>) {
        if self.own != own {
            self.own = own;
            self.now = self.asked.or(own).unwrap_or(LOCAL);
        }
    }

    /// After a look: why looking is all there is, if it is, whether something has changed since the last one, and whether
    /// something trains.
    pub fn next(&mut self, why: Option<Why>, has_changed: bool, trains: bool) {
        if self.asked.or(self.own).is_some() {
            return;
        }
        let (least, most) = match why {
            None => (LOCAL, LOCAL),
            Some(Why::FileSystem(_)) => (REMOTE, if trains { 2 * REMOTE } else { CALM }),
            Some(_) => (LOCAL, if trains { 2 * LOCAL } else { CALM }),
        };
        let slower = if has_changed { least } else { self.now * 3 / 2 };
        self.now = slower.clamp(least, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(looks: usize, pace: &mut Pace, why: Option<Why>, has_changed: bool, trains: bool) -> u64 {
        (0..looks).for_each(|_| pace.next(why, has_changed, trains));
        pace.interval().as_secs()
    }

    #[test]
    fn events_need_no_other_pace() {
        assert_eq!(after(50, &mut Pace::new(None), None, false, false), 1);
    }

    #[test]
    fn looking_slows_down_while_nothing_happens() {
        let nfs = Some(Why::FileSystem("nfs"));
        let mut pace = Pace::new(None);
        assert_eq!(after(1, &mut pace, nfs, true, true), 5);
        assert_eq!(after(50, &mut pace, nfs, false, true), 10, "what trains is not forgotten");
        assert_eq!(after(50, &mut pace, nfs, false, false), 30);
        assert_eq!(after(1, &mut pace, nfs, true, false), 5);
        assert_eq!(after(1, &mut pace, Some(Why::Limit), true, false), 1);
        assert_eq!(after(50, &mut pace, Some(Why::Silence), false, false), 30);
        assert_eq!(after(1, &mut pace, None, false, false), 1);
    }

    #[test]
    fn a_store_may_have_a_pace_of_its_own() {
        let mut pace = Pace::new(None);
        pace.of_store(Some(Duration::from_secs(3)));
        assert_eq!(after(9, &mut pace, None, false, false), 3);
        pace.of_store(None);
        assert_eq!(after(1, &mut pace, None, false, false), 1);
        let mut pace = Pace::new(Some(Duration::from_secs(7)));
        pace.of_store(Some(Duration::from_secs(3)));
        assert_eq!(pace.interval().as_secs(), 7);
    }

    #[test]
    fn what_the_user_wants_stays() {
        let mut pace = Pace::new(Some(Duration::from_secs(7)));
        assert_eq!(after(9, &mut pace, Some(Why::Asked), false, false), 7);
    }
}

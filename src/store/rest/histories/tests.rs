//! Histories that come in pages, grow, fail and are asked for again.

use super::*;
use crate::index::{Parts, Status};

fn point(step: i64, value: f64) -> Point {
    Point { value, step, timestamp: step }
}

/// A run with one metric whose latest point is at a step.
struct Bed {
    index: Index,
    place: Place,
    histories: Histories,
    series: Series,
}

impl Bed {
    fn new(last: i64) -> Self {
        let mut index = Index::default();
        let experiment = index.add_experiment("0".into());
        let run = index.add_run("ab", experiment);
        let key = index.intern("loss");
        let mut bed =
            Self { index, place: (run, key), histories: Histories::default(), series: Series::default() };
        bed.log(last, Status::Running);
        bed
    }

    fn log(&mut self, last: i64, status: Status) {
        let (run, key) = self.place;
        let metric = Metric { last: point(last, 1.0), points: 0, exact: true };
        self.index.edit_run(run, |draft| {
            (draft.status, draft.read) = (status, Parts::ALL);
            draft.set_metric(key, metric);
        });
    }

    fn points(&mut self) -> Poll<Reading> {
        self.histories.points(&self.index, self.place, &mut self.series).unwrap()
    }

    fn question(&mut self) -> Option<(Errand, Question)> {
        self.histories.question(&self.index, &[self.place], 1)
    }

    fn page(&mut self, steps: std::ops::Range<i64>, next: Option<&str>) {
        let items = steps.map(|step| point(step, 1.0)).collect();
        self.histories.page(self.place, Page { items, next: next.map(str::to_owned), odd: 0 });
    }
}

#[test]
fn pages_follow_each_other() {
    let mut bed = Bed::new(5);
    assert!(bed.points().is_pending());
    let (errand, question) = bed.question().unwrap();
    assert_eq!(errand, Errand::Page(bed.place));
    assert!(matches!(question, Question::History { token: None, .. }));
    assert_eq!(bed.question(), None, "it is on its way");
    bed.page(0..3, Some("next"));
    assert_eq!(bed.points(), Poll::Ready(Reading { changed: true, restarted: false, more: true }));
    assert!(bed.points().is_pending());
    assert!(matches!(bed.question(), Some((_, Question::History { token: Some(_), .. }))));
    bed.page(3..6, None);
    assert_eq!(bed.points(), Poll::Ready(Reading { changed: true, restarted: false, more: false }));
    assert_eq!(bed.series.len(), 6);
    assert_eq!(bed.points(), Poll::Ready(Reading::default()));
    let counted = bed.histories.counted();
    assert!(count(&mut bed.index, counted));
    assert_eq!(bed.index.run(bed.place.0).unwrap().metric(bed.place.1).unwrap().points, 6);
}

fn read(last: i64) -> Bed {
    let mut bed = Bed::new(last);
    assert!(bed.points().is_pending());
    bed.question().unwrap();
    bed.page(0..last + 1, None);
    assert!(bed.points().is_ready());
    bed
}

#[test]
fn what_grows_is_continued_and_read_once_more_at_its_end() {
    let mut bed = read(5);
    bed.log(8, Status::Running);
    assert!(bed.points().is_pending());
    let (errand, question) = bed.question().unwrap();
    assert_eq!(errand, Errand::Growth(bed.place));
    assert!(matches!(question, Question::Bulk { from: Some(5), .. }));
    let points = [5, 7, 8].map(|step| ("ab".to_owned(), point(step, 1.0)));
    bed.histories.growth(bed.place, points.to_vec());
    assert!(bed.points().is_ready());
    assert_eq!(bed.series.len(), 8, "step 5 had been there");
    assert_eq!(bed.points(), Poll::Ready(Reading::default()));
    bed.log(8, Status::Finished);
    assert!(bed.points().is_pending());
    assert!(matches!(bed.question(), Some((Errand::Page(_), _))));
    bed.page(0..9, None);
    assert_eq!(bed.points(), Poll::Ready(Reading { changed: true, restarted: true, more: false }));
    assert_eq!(bed.series.len(), 9);
}

#[test]
fn a_series_that_was_let_go_is_read_again() {
    let mut bed = read(5);
    bed.series = Series::default();
    assert!(bed.points().is_pending());
    bed.question().unwrap();
    bed.page(0..6, None);
    assert!(bed.points().is_ready());
    assert_eq!(bed.series.len(), 6);
}

#[test]
fn sparklines_of_many_runs_are_one_question() {
    let mut index = Index::default();
    let experiment = index.add_experiment("0".into());
    let key = index.intern("loss");
    let places: Vec<Place> = (0..130).map(|i| (index.add_run(&format!("r{i}"), experiment), key)).collect();
    let mut histories = Histories::default();
    assert!(places.iter().all(|place| histories.curve(*place).is_pending()));
    let (errand, question) = histories.question(&index, &places, 0).unwrap();
    let Question::Bulk { run_ids, .. } = question else { panic!() };
    assert_eq!(run_ids.len(), 100);
    let Errand::Curves(asked) = errand else { panic!() };
    let points = vec![("r0".to_owned(), point(4, 0.5)), ("r0".to_owned(), point(2, 1.5))];
    histories.curves(&index, &asked, points);
    let Poll::Ready(Some(samples)) = histories.curve(places[0]) else { panic!() };
    assert_eq!(samples.points.iter().map(|(_, point)| point.step).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(
        histories.curve(places[1]).map(|samples| samples.is_none()),
        Poll::Ready(true),
        "it has to be read"
    );
    let (rest, _) = histories.question(&index, &places, 0).unwrap();
    histories.failed(&rest, &Failure::Missing(String::new()));
    assert!(histories.curve(places[129]).is_ready(), "a server that knows no such call");
    assert_eq!(histories.question(&index, &places, 0), None);
}

#[test]
fn a_history_that_fails_says_why_once() {
    let mut bed = Bed::new(5);
    assert!(bed.points().is_pending());
    let (errand, _) = bed.question().unwrap();
    bed.histories.failed(&errand, &Failure::Large(1));
    let told = bed.histories.points(&bed.index, bed.place, &mut bed.series);
    assert!(told.unwrap_err().to_string().contains("larger"));
}

//! Charts as pictures, and at any size.

use proptest::prelude::*;

use super::*;
use crate::index::Point;
use crate::shown::{Shown, shown};

/// A series of values at steps 0, 20, 40, ...
fn series(values: impl IntoIterator<Item = f64>) -> Series {
    let point = |(i, value)| Point { value, step: i as i64 * 20, timestamp: i as i64 * 1000 };
    values.into_iter().enumerate().map(point).collect()
}

fn falling(speed: f64) -> Series {
    series((0..101).map(|i| 2.3 * (-f64::from(i) * speed).exp() + 0.04 + (f64::from(i) * 0.7).sin() * 0.02))
}

fn curves<'a>(all: &[(&'a Series, &str)]) -> Vec<Curve<'a>> {
    let curve = |(colour, (series, label)): (usize, &(&'a Series, &str))| Curve {
        series,
        label: shown(label),
        note: Shown::default(),
        colour,
    };
    all.iter().enumerate().map(curve).collect()
}

fn picture(chart: &Chart<'_>, width: u16, height: u16, theme: &Theme) -> String {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    chart.draw(buf.area, &mut buf, theme);
    let rows = (0..height)
        .map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>().trim_end().to_owned());
    rows.collect::<Vec<_>>().join("\n")
}

fn picture_of(chart: &Chart<'_>, width: u16, height: u16) -> String {
    picture(chart, width, height, &Theme::new(true, true))
}

#[test]
fn samples_are_called_samples() {
    let points = (0..100u64).map(|i| (i, Point { value: i as f64, step: i as i64, timestamp: 0 })).collect();
    let samples = crate::series::Samples { points, end: 100 };
    let mut read: Series = series([5.0, 6.0]);
    read.position.offset = 42;
    let (whole, part) = (falling(0.05), read.provisional(&samples));
    let both = curves(&[(&whole, "whole"), (&part, "part")]);
    let chart = Chart { curves: &both, title: shown("loss"), ..Chart::default() };
    let first = picture_of(&chart, 60, 12).lines().next().unwrap().to_owned();
    assert!(first.starts_with("loss ") && first.ends_with("sampled, 42 % read"), "{first}");
    let chart = Chart { curves: &both[..1], ..chart };
    assert!(!picture_of(&chart, 60, 12).contains("sampled"));
}

#[test]
fn three_curves() {
    let (a, b, c) = (falling(0.05), falling(0.03), falling(0.12));
    let curves = curves(&[(&a, "bold-fox-12"), (&b, "rapt-owl-3"), (&c, "a-very-long-name-of-a-run-77")]);
    let chart = Chart { curves: &curves, title: shown("loss"), ..Chart::default() };
    insta::assert_snapshot!(picture_of(&chart, 60, 12), @r"
    loss
    a bold-fox-12        0.07098  b rapt-owl-3          0.1700
    c a-very-long-…un-77 0.05549
         │⢳⢦⡀
       2 ┤ ⢇⠫⡒⠤⣀
         │ ⠈⢆⠈⠢⢄⠉⠢⢄⣀⡀
         │  ⠈⢆  ⠑⠢⣀⡀⠈⠑⠢⢄⣀⡀
         │    ⠣⢄   ⠈⠑⠢⢄⣀ ⠈⠉⠒⠒⠤⠤⢄⣀                              b
         │      ⠑⠤⣀⣀    ⠉⠉⠒⠤⠤⠤⢄⣀⡀⠉⠉⠉⠒⠒⠒⠒⠤⠤⣀⡠⣀⣀⣀ ⣀⡀             a
       0 ┤          ⠉⠑⠒⠢⠒⠢⠤⠤⠤⠤⠤⠤⣈⡩⠭⠭⣉⣒⡲⠶⠶⣒⣔⠶⠶⠤⣤⣭⡤⠬⢭⣭⣭⠭⠭⢵⣶⡶⠶⠶⣖⣲⠶c
         └┬────────────┬────────────┬────────────┬────────────┬
    step  0           500          1k          1.5k          2k
    ");
    insta::assert_snapshot!(picture_of(&chart, 100, 20), @r"
    loss
     2.5 ┤                                                                                        latest
         │⣷⡀                                                              a bold-fox-12          0.07098
         │⢸⢞⡄                                                             b rapt-owl-3           0.1700
     2.0 ┤⠘⡜⡌⢢                                                            c a-very-long-n…run-77 0.05549
         │ ⡇⠘⡄⠱⡀
         │ ⢸ ⠘⡄⠈⠑⢄
     1.5 ┤ ⠈⡆ ⠘⡄ ⠈⠢⡀
         │  ⠱⡀ ⠈⠱⡀ ⠈⠢⣀
         │   ⢣   ⠱⡀   ⠑⢄⡀
         │   ⠘⡄   ⠈⢢    ⠈⠢⢄⡀
     1.0 ┤    ⢣     ⠑⠤⡀    ⠈⠑⢄
         │     ⠣⡀     ⠈⠢⡀     ⠉⠒⠒⠤⡀
         │      ⠘⡄      ⠈⠒⠤⢄      ⠈⠑⠢⠤⠤⡀
     0.5 ┤       ⠘⢄         ⠑⠤⣀        ⠈⠉⠒⠤⠤⠤⡀
         │         ⠑⢄⣀         ⠉⠉⠑⠢⢄⣀⣀⡀      ⠈⠉⠒⠒⠒⠢⢄⣀⣀⣀⣀               b
         │            ⠑⠢⢄⡀⣀⣀          ⠈⠉⠒⠤⠤⠤⠤⢄⣀⢀⣀⣀⡀     ⠉⠉⠒⠉⠉⠒⠤⠤⠤⠒⠢⢄⣀⣀⡠a
     0.0 ┤               ⠈  ⠉⠒⠒⠒⠒⠒⠢⠤⠤⠔⠒⠢⠤⠤⠤⠒⠒⠤⠤⠥⠤⠔⠪⠭⠵⠭⠭⠛⠵⠶⠶⠶⠞⠶⠦⠤⠶⠶⠲⠦⠤⠤⠶c
         └┬──────────────┬──────────────┬──────────────┬──────────────┬
    step  0             500            1k            1.5k            2k
    ");
    let chart = Chart { cursor: Some(400.0), focus: Some(1), ..chart };
    insta::assert_snapshot!(picture_of(&chart, 100, 20), @r"
    loss
     2.5 ┤            │                                                                           at 400
         │⣷⡀          │                                                   a bold-fox-12           0.9059
         │⢸⢞⡄         │                                                   b rapt-owl-3            1.322
     2.0 ┤⠘⡜⡌⢢        │                                                   c a-very-long-na…run-77 0.2685
         │ ⡇⠘⡄⠱⡀      │
         │ ⢸ ⠘⡄⠈⠑⢄    │
     1.5 ┤ ⠈⡆ ⠘⡄ ⠈⠢⡀  │
         │  ⠱⡀ ⠈⠱⡀ ⠈⠢⣀│
         │   ⢣   ⠱⡀   b⢄⡀
         │   ⠘⡄   ⠈⢢  │ ⠈⠢⢄⡀
     1.0 ┤    ⢣     ⠑⠤a    ⠈⠑⢄
         │     ⠣⡀     ⠈⠢⡀     ⠉⠒⠒⠤⡀
         │      ⠘⡄    │ ⠈⠒⠤⢄      ⠈⠑⠢⠤⠤⡀
     0.5 ┤       ⠘⢄   │     ⠑⠤⣀        ⠈⠉⠒⠤⠤⠤⡀
         │         ⠑⢄⣀│        ⠉⠉⠑⠢⢄⣀⣀⡀      ⠈⠉⠒⠒⠒⠢⢄⣀⣀⣀⣀               b
         │            c⠢⢄⡀⣀⣀          ⠈⠉⠒⠤⠤⠤⠤⢄⣀⢀⣀⣀⡀     ⠉⠉⠒⠉⠉⠒⠤⠤⠤⠒⠢⢄⣀⣀⡠a
     0.0 ┤            │  ⠈  ⠉⠒⠒⠒⠒⠒⠢⠤⠤⠔⠒⠢⠤⠤⠤⠒⠒⠤⠤⠥⠤⠔⠪⠭⠵⠭⠭⠛⠵⠶⠶⠶⠞⠶⠦⠤⠶⠶⠲⠦⠤⠤⠶c
         └┬───────────┬──┬──────────────┬──────────────┬──────────────┬
    step  0          400               1k            1.5k            2k
    ");
    insta::assert_snapshot!(picture(&chart, 60, 12, &Theme::new(false, false)), @r"
    loss
    a bold-fox-12         0.9059  b rapt-owl-3           1.322
    c a-very-long-~run-77 0.2685
         |bbb       :
       2 + cbbbb    :
         | ccaaabbbbb
         |  cc  aaaabbbbbb
         |    cc   aaaaa bbbbbbbb                              b
         |      cccc:   aaaaaaaaabbbbbbbbbbbbbb bb             a
       0 +          cccccccccccccaaaaaaaaaaaaaababbbbbbbbbbbbbbc
         ++---------+--+------------+------------+------------+
    step  0        400             1k          1.5k          2k
    ");
}

#[test]
fn a_log_scale_says_what_it_leaves_out() {
    let a = series([0.0, 1.0, 0.1, -1.0, 0.01, 0.001, 0.0001]);
    let curves = curves(&[(&a, "a")]);
    let chart = Chart { curves: &curves, title: shown("loss"), log: true, ..Chart::default() };
    insta::assert_snapshot!(picture_of(&chart, 60, 12), @r"
    loss                    log scale · 2 at or below 0 left out
    a a                             0.0001
    1      ┤        ⠈⠑⠢⢄⡀
           │            ⠈⠑⠢⢄⡀
           │                ⠈⠉⠑⠒⠢⠤⢄⣀⡀
           │                        ⠈⠉⠉⠒⠒⠤⠤⣀⣀
    0.01   ┤                                 ⠉⠉⠒⠤⢄⡀
           │                                      ⠈⠑⠒⠤⣀
           │                                           ⠉⠒⠤⣀
    0.0001 ┤                                               ⠉⠒⠤⣀a
           └┬───────┬────────┬───────┬────────┬───────┬───────┬
      step  0      20       40      60       80      100     120
    ");
}

#[test]
fn one_point_is_seen() {
    let a = series([0.5]);
    let curves = curves(&[(&a, "only")]);
    let chart = Chart { curves: &curves, title: shown("acc"), ..Chart::default() };
    insta::assert_snapshot!(picture_of(&chart, 60, 12), @r"
    acc
    a only                             0.5
         │
         │
         │
         │                          ⣀
    0.50 ┤                          ⠛a
         │
         │
         │
         └┬─────────────────────────┬─────────────────────────┬
    step -1                         0                         1
    ");
}

#[test]
fn extremes() {
    let a = series([f64::MIN, f64::NAN, 0.0, f64::INFINITY, f64::MAX]);
    let curves = curves(&[(&a, "wild")]);
    let chart = Chart { curves: &curves, title: shown("loss"), ..Chart::default() };
    insta::assert_snapshot!(picture_of(&chart, 60, 12), @r"
    loss                                       2 NaN or infinite
    a wild                       1.798e308
           │                                             ⢀⣀⠤⠔⠒⠉a
     1e308 ┤                                       ⣀⡠⠤⠒⠊⠉⠁
           │                                 ⣀⡠⠤⠒⠊⠉
           │                          ⢀⣀⠤⠔⠒⠉⠉
     0     ┤                    ⣀⡠⠤⠒⠒⠉⠁
           │             ⣀⡠⠤⠔⠒⠉⠉
    -1e308 ┤      ⣀⣀⠤⠔⠒⠊⠉
           │⣀⠤⠤⠒⠊⠉
           └┬───────────┬────────────┬────────────┬───────────┬
      step  0          20           40           60          80
    ");
}

#[test]
fn empty_charts_say_why() {
    let why = |values: &[f64], log, window| {
        let a = series(values.iter().copied());
        let curves = curves(&[(&a, "a")]);
        let chart = Chart { curves: &curves, log, window, ..Chart::default() };
        picture_of(&chart, 60, 7).lines().map(str::trim).nth(3).unwrap_or_default().to_owned()
    };
    assert_eq!(why(&[], false, None), "no points yet");
    assert_eq!(why(&[f64::NAN, f64::NAN], false, None), "all values are NaN");
    assert_eq!(why(&[f64::NAN, f64::INFINITY], false, None), "no value is finite");
    assert_eq!(why(&[0.0, -1.0], true, None), "no value above 0 for a log scale");
    assert_eq!(why(&[1.0], false, Some((5.0, 6.0))), "no points in this window");
    assert!(picture_of(&Chart::default(), 60, 7).contains("no metric chosen"));
}

#[test]
fn any_size() {
    let (a, b, one) = (falling(0.05), series([f64::NAN]), series([-1.0]));
    let curves = curves(&[(&a, "bold-fox-12"), (&b, "실험"), (&one, "")]);
    for (utf8, log, cursor) in [(true, false, None), (false, true, Some(700.0)), (true, true, Some(f64::NAN))]
    {
        let theme = Theme::new(true, utf8);
        let title = shown("loss");
        let chart = Chart { curves: &curves, title, log, cursor, focus: Some(2), ..Chart::default() };
        for width in (0..=40).chain([99, 100, 101, 200]) {
            for height in 0..=15 {
                picture(&chart, width, height, &theme);
            }
        }
    }
}

#[test]
fn nothing_is_written_outside() {
    let a = falling(0.05);
    let curves = curves(&[(&a, "bold-fox-12")]);
    let chart = Chart { curves: &curves, title: shown("loss"), ..Chart::default() };
    let mut buf = Buffer::empty(Rect::new(0, 0, 60, 20));
    chart.draw(Rect::new(10, 5, 200, 10), &mut buf, &Theme::new(true, true));
    let outside = |x, y| x < 10 || !(5..15).contains(&y);
    assert!(
        (0..60)
            .flat_map(|x| (0..20).map(move |y| (x, y)))
            .all(|(x, y)| !outside(x, y) || buf[(x, y)].symbol() == " ")
    );
    chart.draw(Rect::new(500, 500, 10, 10), &mut buf, &Theme::new(true, true));
}

#[test]
fn the_majority_and_the_focused_curve_give_the_colour() {
    let (a, b) = (series([1.0, 1.0]), series([1.0, 1.0]));
    let curves = curves(&[(&a, "a"), (&b, "b")]);
    let theme = Theme::new(true, true);
    for (focus, colour) in [(None, 0), (Some(1), 1)] {
        let mut buf = Buffer::empty(Rect::new(0, 0, 10, 3));
        Chart { curves: &curves, focus, ..Chart::default() }.draw(buf.area, &mut buf, &theme);
        assert_eq!(buf[(5, 1)].fg, theme.series(colour).fg.unwrap());
    }
}

proptest! {
    #[test]
    fn any_points_at_any_size(
        points in proptest::collection::vec((any::<f64>(), any::<i64>(), any::<i64>()), 0..40),
        (width, height) in (0u16..130, 0u16..30),
        (log, axis) in (any::<bool>(), 0..3),
        window in proptest::option::of((any::<f64>(), any::<f64>())),
        cursor in proptest::option::of(any::<f64>()),
    ) {
        let axis = [Axis::Step, Axis::Elapsed, Axis::Clock][axis as usize];
        let all: Series = points.iter().map(|(value, step, timestamp)| Point { value: *value, step: *step, timestamp: *timestamp }).collect();
        let curves = curves(&[(&all, "all"), (&all, "again")]);
        let title = shown("x");
        let chart = Chart { curves: &curves, title, axis, log, focus: None, window, cursor };
        picture(&chart, width, height, &Theme::new(true, true));
        chart.span();
    }
}

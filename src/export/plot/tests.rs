use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::shown::shown;

fn curve(label: &str, points: Vec<(f64, f64)>) -> Curve {
    Curve { label: shown(label), points }
}

fn plot(curves: Vec<Curve>) -> Plot {
    let (title, x_label, y_label) = (shown("val_loss"), shown("step"), shown("loss"));
    Plot { title, x_label, y_label, x: Scale::Linear, log_y: false, curves }
}

/// Losses that fall and tremble, as losses do; `kind` makes them differ.
fn losses(count: u32, kind: u32) -> Vec<(f64, f64)> {
    let kind = f64::from(kind);
    let mut noise = 88_172_645_463_325_252u64.wrapping_add((kind * 1e9) as u64);
    (0..count)
        .map(|i| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            let tremble = (noise % 1000) as f64 / 1000.0 - 0.5;
            let x = f64::from(i) / f64::from(count);
            let y = 2.3 * (-(4.0 + kind * 0.7) * x).exp() + 0.05 * (kind + 1.0) + 0.08 * tremble * (1.2 - x);
            (f64::from(i) * 10.0, y.max(1e-4))
        })
        .collect()
}

/// Width, height and pixels of a PNG.
fn decoded(file: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = ::png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

#[test]
fn three_curves_as_png() {
    let curves = (0..3).map(|i| curve(&format!("run-{i}"), losses(300, i))).collect();
    let (width, height, pixels) = decoded(&png(&plot(curves), 480, 300).unwrap());
    assert_eq!((width, height), (480, 300));
    let near = |want: [u8; 3]| {
        pixels.chunks(3).filter(|p| p.iter().zip(want).all(|(a, b)| a.abs_diff(b) < 40)).count()
    };
    for color in [[0, 114, 178], [213, 94, 0], [0, 158, 115]] {
        assert!(near(color) > 200, "{color:?}");
    }
    assert!(near([255, 255, 255]) > 480 * 300 / 2);
}

#[test]
fn svg_has_labels_escaped_and_the_size_asked_for() {
    let curves = vec![curve("run <a> & \"b\"", losses(20, 0)), curve("실험 둘", losses(20, 1))];
    let picture = svg(&plot(curves), 640, 400).unwrap();
    assert!(picture.starts_with("<svg width=\"640\" height=\"400\" viewBox=\"0 0 6400 4000\""));
    assert!(picture.contains("run &lt;a&gt; &amp; &quot;b&quot;"));
    assert!(picture.contains("실험 둘") && picture.contains("val_loss"));
    assert!(picture.trim_end().ends_with("</svg>"));
}

#[test]
fn sizes_have_bounds() {
    for (width, height) in [(0, 0), (159, 500), (500, 99), (u32::MAX, 100), (100_000, 100), (16_000, 16_000)]
    {
        assert!(matches!(png(&plot(vec![]), width, height), Err(Error::Size(..))));
        assert!(matches!(svg(&plot(vec![]), width, height), Err(Error::Size(..))));
    }
}

#[test]
fn empty_plots_say_so() {
    let nothing = plot(vec![curve("a", vec![]), curve("b", vec![(f64::NAN, 1.0), (1.0, f64::INFINITY)])]);
    assert!(svg(&nothing, 400, 300).unwrap().contains("no points to show"));
    assert!(!svg(&plot(vec![curve("a", vec![(0.0, 1.0)])]), 400, 300).unwrap().contains("no points"));
}

#[test]
fn many_curves_are_counted_in_the_legend() {
    let curves = (0..40).map(|i| curve(&format!("run-{i}"), losses(30, i))).collect();
    let picture = svg(&plot(curves), 640, 400).unwrap();
    let named = picture.matches("run-").count();
    assert!(picture.contains(&format!("+ {} more", 40 - named)), "{named}");
}

#[test]
fn long_labels_are_cut() {
    let long = "very long name ".repeat(100);
    let mut plot = plot(vec![curve(&long, losses(9, 0)), curve(&long, losses(9, 1))]);
    (plot.title, plot.x_label, plot.y_label) = (shown(&long), shown(&long), shown(&long));
    let picture = svg(&plot, 640, 400).unwrap();
    assert!(!picture.contains(&long) && picture.matches('…').count() == 5);
}

#[test]
fn half_a_million_points_are_few_in_the_picture() {
    let start = Instant::now();
    let picture = svg(&plot(vec![curve("long", losses(500_000, 0))]), 800, 400).unwrap();
    assert!(picture.len() < 60_000, "{}", picture.len());
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn wild_curves_do_not_fill_the_disk() {
    let wild =
        |k: u32| (0..1300).map(move |i: u32| (f64::from(i), f64::from(i.wrapping_mul(2_654_435_761 + k))));
    let curves = (0..40).map(|k| curve("wild", wild(k).collect())).collect();
    assert!(svg(&plot(curves), 960, 540).unwrap().len() < 2_000_000);
}

fn any_points() -> impl Strategy<Value = Vec<(f64, f64)>> {
    let value = prop_oneof![
        any::<f64>(),
        -10.0f64..10.0,
        Just(0.0),
        Just(1e308),
        Just(-1e308),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(5e-324),
    ];
    proptest::collection::vec((value.clone(), value), 0..40)
}

fn any_plot() -> impl Strategy<Value = Plot> {
    let scale = prop_oneof![Just(Scale::Linear), Just(Scale::Seconds), Just(Scale::Clock)];
    let curves = proptest::collection::vec((any::<String>(), any_points()), 0..5);
    (any::<String>(), scale, any::<bool>(), curves).prop_map(|(title, x, log_y, curves)| Plot {
        x,
        log_y,
        title: shown(&title),
        ..plot(curves.into_iter().map(|(label, points)| curve(&label, points)).collect())
    })
}

proptest! {
    #[test]
    fn any_plot_is_an_svg(plot in any_plot(), width in 160u32..900, height in 100u32..700) {
        let picture = svg(&plot, width, height).unwrap();
        prop_assert!(!picture.contains("NaN") || plot.title.as_str().contains("NaN"));
        prop_assert!(picture.trim_end().ends_with("</svg>"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_plot_is_a_png(plot in any_plot(), width in 160u32..240, height in 100u32..150) {
        let (w, h, _) = decoded(&png(&plot, width, height).unwrap());
        prop_assert_eq!((w, h), (width, height));
    }
}

/// Pictures for eyes: `EXPORT_PICTURES=folder cargo test pictures_for_eyes`.
#[test]
fn pictures_for_eyes() {
    let Some(folder) = std::env::var_os("EXPORT_PICTURES") else { return };
    let save = |name: &str, plot: &Plot| {
        let file = png(plot, 960, 540).unwrap();
        let folder = std::path::Path::new(&folder);
        std::fs::write(folder.join(format!("{name}.png")), file).unwrap();
        std::fs::write(folder.join(format!("{name}.svg")), svg(plot, 960, 540).unwrap()).unwrap();
    };
    save("one", &plot(vec![curve("bright-owl-42", losses(200, 0))]));
    let korean = ["기준 모델 (lr=0.1)", "큰 배치 실험", "run-3 — α=0.1 <b> & c"];
    let three: Vec<Curve> = (0..3).zip(korean).map(|(i, name)| curve(name, losses(400, i))).collect();
    save("three", &Plot { title: shown("검증 손실 — val_loss"), x_label: shown("스텝"), ..plot(three) });
    let twelve =
        |count| (0..12).map(|i| curve(&format!("sweep-{i:02}-lr{}", i * 3), losses(count, i))).collect();
    save("twelve", &Plot { log_y: true, ..plot(twelve(2000)) });
    let moved = |mut curve: Curve, by: f64, factor: f64| {
        curve.points.iter_mut().for_each(|point| point.0 = point.0 * factor + by);
        curve
    };
    let clock =
        (0..3).map(|i| moved(curve(&format!("run-{i}"), losses(300, i)), 1.7093e9 + 2e3 * f64::from(i), 8.0));
    save("clock", &Plot { x: Scale::Clock, x_label: shown("local time"), ..plot(clock.collect()) });
    let elapsed =
        vec![moved(curve("a", losses(300, 1)), 0.0, 2.0), moved(curve("b", losses(150, 3)), 0.0, 2.0)];
    save("elapsed", &Plot { x: Scale::Seconds, log_y: true, x_label: shown("elapsed"), ..plot(elapsed) });
    save("forty", &plot((0..40).map(|i| curve(&format!("run-{i}"), losses(20_000, i))).collect()));
    save("empty", &plot(vec![]));
    let epochs = (0..4).map(|k| curve(&format!("fold-{k}"), losses(6, k)));
    save("epochs", &plot(epochs.collect()));
}

//! What metric files may look like, and that however they are read the points are the same.

use super::*;
use crate::series::Position;
use crate::store::files::open::Folder;
use proptest::prelude::*;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

fn look(dir: &Path, series: &mut Series, settled: bool) -> Look {
    let open = Folder::open(dir).unwrap().file(OsStr::new("m")).unwrap();
    let mut position = series.position;
    let look = read_new(&open, &mut position, settled, series, &mut Vec::new(), Budget::ALL).unwrap();
    series.position = position;
    look
}

/// All points of some lines as the plain parser sees them, and what the lines were.
fn slowly(bytes: &[u8]) -> (Vec<Point>, LineCounts) {
    let (mut points, mut counts) = (Vec::new(), LineCounts::default());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (line, after) = line::cut(rest);
        rest = after;
        match line::parse_short(line) {
            Some(point) => {
                points.push(point);
                counts.point(point);
            }
            None => counts.no_point(line),
        }
    }
    (points, counts)
}

fn bits(point: &Point) -> (u64, i64, i64) {
    (point.value.to_bits(), point.step, point.timestamp)
}

/// Lines as they are, and lines as they should not be.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        (0i64..2_000_000_000_000).prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| format!("{n:?}")),
        any::<u64>().prop_map(|n| format!("{:?}", f64::from_bits(n))),
        (-1000i64..1000).prop_map(|n| format!("{}", n as f64 / 64.0)),
        proptest::sample::select(vec![
            "nan",
            "NaN",
            "-inf",
            "inf",
            "Infinity",
            "+1",
            ".5",
            "5.",
            "-",
            "-.5",
            "1e",
            "1e5",
            "1E-300",
            "1e400",
            "1_0",
            "0x1F",
            "00012",
            "99999999999999999999",
            "123456789012345678",
            "1234567890123456789",
            "0.1e+",
            "1.2.3",
            "\u{1F600}",
            "12345678",
            "1234567x",
            "",
            "\0",
        ])
        .prop_map(str::to_owned),
        "[0-9]{1,40}(\\.[0-9]{0,40})?(e-?[0-9]{1,3})?",
    ];
    let separator = proptest::sample::select(vec![" ", " ", " ", " ", " ", "  ", "\t", ""]);
    let end = proptest::sample::select(vec![
        "\n",
        "\n",
        "\n",
        "\n",
        "\r\n",
        " \n",
        "\0\n",
        " dataset digest\n",
        " half\n",
        " half  \n",
        "  half\n",
        " half \r\n",
    ]);
    let fields = proptest::collection::vec((number, separator), 0..5);
    let line = (fields, end).prop_map(|(fields, end)| {
        let fields: Vec<u8> =
            fields.iter().flat_map(|(n, s)| [n.as_bytes(), s.as_bytes()].concat()).collect();
        [fields.strip_suffix(b" ").unwrap_or(&fields), end.as_bytes()].concat()
    });
    let plain = (1_600_000_000_000i64..1_600_000_000_100, any::<f64>(), -3i64..9)
        .prop_map(|(t, v, s)| format!("{t} {v:?} {s}\n").into_bytes());
    let long = (0usize..3, 4080usize..4110).prop_map(|(which, len)| {
        let mut line = ["1 0.5 7 ", "1 0.", " "][which].as_bytes().to_vec();
        line.resize(len, if which == 2 { b' ' } else { b'0' });
        line.push(b'\n');
        line
    });
    prop_oneof![4 => line, 4 => plain, 1 => proptest::collection::vec(any::<u8>(), 0..60), 1 => long]
}

/// Reads a file in slices of a page.
fn in_slices<S: Sink>(dir: &Path, page: usize, sink: &mut S) -> (LineCounts, usize) {
    let (mut position, mut counts, mut slices) = (Position::default(), LineCounts::default(), 0);
    let mut memory = Vec::new();
    loop {
        let open = Folder::open(dir).unwrap().file(OsStr::new("m")).unwrap();
        let budget = Budget { page, until: Some(std::time::Instant::now()) };
        let look = read_new(&open, &mut position, true, sink, &mut memory, budget).unwrap();
        assert!(!look.restarted);
        counts.add(look.new);
        slices += 1;
        if !look.more {
            return (counts, slices);
        }
    }
}

fn whole(bytes: &[u8]) -> (Vec<Point>, Look) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("m"), bytes).unwrap();
    let mut series = Series::default();
    let look = look(dir.path(), &mut series, true);
    (series.iter().collect(), look)
}

#[test]
fn lines_of_every_version() {
    for (line, value, step, timestamp) in [
        ("1795416642537 0.98 7", 0.98, 7, 1795416642537),
        ("1795416642537 0.98", 0.98, 0, 1795416642537),
        ("1 0.6 7 dataset 2bf3ace3", 0.6, 7, 1),
        ("1 0.6 -7 m-0123 my dataset 2bf3ace3", 0.6, -7, 1),
        ("1 1e-07 9223372036854775807", 1e-7, i64::MAX, 1),
        ("1 inf 99999999999999999999", f64::INFINITY, i64::MAX, 1),
        ("1 -inf 0\r", f64::NEG_INFINITY, 0, 1),
    ] {
        assert_eq!(parse_line(line.as_bytes()), Some(Point { value, step, timestamp }), "{line}");
    }
    assert!(parse_line(b"1 nan 0").unwrap().value.is_nan());
}

#[test]
fn what_is_no_point() {
    for line in [
        "",
        "1",
        "\0\0\x001 7 0",
        "x 1 1",
        "1 1_000 1",
        "1 0x1F 1",
        "1 0.5 1.5",
        "<html>",
        "1\t2\t3",
        "1 2 3 4",
    ] {
        assert_eq!(parse_line(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn good_lines_count_and_bad_ones_are_told() {
    let (points, look) = whole(b"1 0.5 0\nrubbish\n\n2 0.4 1\n3 0.3 2");
    assert_eq!(points.iter().map(|p| p.value).collect::<Vec<_>>(), [0.5, 0.4, 0.3]);
    assert_eq!((look.new.bad, look.new.first_bad, look.unfinished), (1, Some(2), false));
}

#[test]
fn a_line_of_a_megabyte_is_one_bad_line() {
    let mut bytes = b"1 0.5 0\n".to_vec();
    bytes.extend(vec![b'9'; 1 << 20]);
    bytes.extend(b"\n2 0.4 1\n");
    let (points, look) = whole(&bytes);
    assert_eq!((points.len(), look.new.bad), (2, 1));
}

#[test]
fn gigabytes_of_nothing_are_one_bad_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = fs::File::create(dir.path().join("m")).unwrap();
    (&file).write_all(b"1 0.5 0\n").unwrap();
    file.write_all_at(b"\n2 0.25 1\n", 1 << 30).unwrap();
    file.set_len(1 << 32).unwrap();
    let mut series = Series::default();
    let look = look(dir.path(), &mut series, true);
    assert_eq!(series.iter().map(|p| p.value).collect::<Vec<_>>(), [0.5, 0.25]);
    assert_eq!(look.new.bad, 2);
}

#[test]
fn an_unfinished_line_waits_while_somebody_may_write() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("m"), "1 0.5 0\n2 0.").unwrap();
    let mut series = Series::default();
    assert!(look(dir.path(), &mut series, false).unfinished);
    assert_eq!(series.len(), 1);
    fs::OpenOptions::new().append(true).open(dir.path().join("m")).unwrap().write_all(b"25 1\n").unwrap();
    look(dir.path(), &mut series, false);
    assert_eq!(series.last().unwrap().value, 0.25);
    assert_eq!(series.len(), 2);
}

#[test]
fn a_line_that_grows_after_it_was_taken_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("m"), "1 0.5 1").unwrap();
    let mut series = Series::default();
    look(dir.path(), &mut series, true);
    assert_eq!(series.last().unwrap().step, 1);
    fs::write(dir.path().join("m"), "1 0.5 17\n").unwrap();
    assert!(look(dir.path(), &mut series, true).restarted);
    assert_eq!((series.len(), series.last().unwrap().step), (1, 17));
}

#[test]
fn truncated_rewritten_and_replaced_files_start_over() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("m");
    let mut series = Series::default();
    fs::write(&file, "1 1 0\n2 2 1\n").unwrap();
    look(dir.path(), &mut series, false);
    for (how, bytes) in
        [("shorter", "9 9 0\n"), ("same size", "1 3 0\n2 4 1\n"), ("longer", "5 5 5\n6 6 6\n7 7 7\n")]
    {
        fs::write(&file, bytes).unwrap();
        assert!(look(dir.path(), &mut series, false).restarted, "{how}");
        assert_eq!(series.len(), bytes.lines().count(), "{how}");
    }
    fs::write(dir.path().join("new"), "5 5 5\n6 6 6\n7 7 7\n8 8 8\n").unwrap();
    fs::rename(dir.path().join("new"), &file).unwrap();
    assert!(look(dir.path(), &mut series, false).restarted, "another inode");
    assert_eq!(series.len(), 4);
    assert_eq!(look(dir.path(), &mut series, false), Look::default(), "nothing new");
}

#[test]
fn torn_lines_are_no_points() {
    let dir = tempfile::tempdir().unwrap();
    for (text, points) in [("1 0.5 1\n2 0.2", 1), ("1 0.5 1\n2 0.25 2", 2), ("1 0.5\n2 0.25\n", 2)] {
        fs::write(dir.path().join("m"), text).unwrap();
        let mut series = Series::default();
        look(dir.path(), &mut series, true);
        assert_eq!(series.len(), points, "{text:?}");
    }
}

#[test]
fn two_writers_who_wrote_into_one_line_left_a_point_of_no_time_as_mlflow_reads_it() {
    let (points, look) = whole(b"1 0.5 1\n17000000001700000001000 0.4 2\n3 0.3 3\n");
    let read: Vec<(f64, i64)> = points.iter().map(|point| (point.value, point.timestamp)).collect();
    assert_eq!(read, [(0.5, 1), (0.4, i64::MAX), (0.3, 3)], "Python's numbers have no end");
    assert_eq!((look.new.bad, look.new.first_bad), (1, Some(2)), "and it is told");
}

#[test]
fn a_large_file_is_sampled_from_its_head_to_its_tail() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String =
        (0..100_000).map(|i| format!("{} {} {i}\n", 1_600_000_000_000i64 + i, i * 2)).collect();
    fs::write(dir.path().join("m"), &lines).unwrap();
    let open = Folder::open(dir.path()).unwrap().file(OsStr::new("m")).unwrap();
    let samples = sample(&open, &mut Vec::new()).unwrap().unwrap();
    assert!((1000..20_000).contains(&samples.points.len()), "{}", samples.points.len());
    for (at, point) in &samples.points {
        assert_eq!(point.value, (point.step * 2) as f64);
        let line = &lines[*at as usize..];
        assert!(line.starts_with(&format!("{} {} {}\n", point.timestamp, point.value, point.step)), "{at}");
    }
    assert!(samples.points.is_sorted_by_key(|(at, _)| *at));
    let steps: Vec<i64> = samples.points.iter().map(|(_, point)| point.step).collect();
    assert_eq!((steps[0], steps[steps.len() - 1]), (0, 99_999));
    assert!(steps.windows(2).all(|two| two[1] - two[0] < 1000));

    // Half of it read, half of it sampled: never exact, and no point twice.
    let mut series = Series::default();
    assert!(!series.provisional(&samples).is_exact());
    let mut position = Position::default();
    let budget = Budget { page: 1 << 20, until: Some(std::time::Instant::now()) };
    assert!(read_new(&open, &mut position, true, &mut series, &mut Vec::new(), budget).unwrap().more);
    series.position = position;
    let mixed = series.provisional(&samples);
    assert!(!mixed.is_exact() && mixed.percent_read().is_some_and(|percent| (30..80).contains(&percent)));
    assert!(mixed.iter().map(|point| point.step).collect::<Vec<_>>().is_sorted_by(|a, b| a < b));
    while read_new(&open, &mut position, true, &mut series, &mut Vec::new(), budget).unwrap().more {}
    assert!(series.is_exact() && series.len() == 100_000);
    fs::write(dir.path().join("m"), "1 2 3\n").unwrap();
    let open = Folder::open(dir.path()).unwrap().file(OsStr::new("m")).unwrap();
    assert!(sample(&open, &mut Vec::new()).unwrap().is_none(), "a small file is read");
}

#[test]
fn a_line_without_an_end_does_not_hold_a_slice() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = b"1 0.5 0\n".to_vec();
    bytes.extend(vec![b'9'; 1_000_000]);
    bytes.extend(b"\n2 0.4 1\n");
    fs::write(dir.path().join("m"), &bytes).unwrap();
    let mut points: Vec<Point> = Vec::new();
    let (counts, slices) = in_slices(dir.path(), 10_000, &mut points);
    assert_eq!((points.len(), counts.bad, counts.first_bad), (2, 1, Some(2)));
    assert!(slices > 50);
}

proptest! {
    /// However a growing file is cut into looks, the points are the same.
    #[test]
    fn any_cut_gives_the_same_points(
        lines in proptest::collection::vec(prop_oneof![
            (0i64..9999, any::<f64>(), -5i64..500).prop_map(|(t, v, s)| format!("{t} {v:?} {s}\n")),
            Just("rubbish\n".to_owned()), Just("\n".to_owned()), Just("1 2 3 a b\r\n".to_owned()),
        ], 0..20),
        cuts in proptest::collection::vec(0usize..400, 0..6),
    ) {
        let bytes = lines.concat().into_bytes();
        let (expected, _) = whole(&bytes);
        let dir = tempfile::tempdir().unwrap();
        let mut file = fs::File::create(dir.path().join("m")).unwrap();
        let mut series = Series::default();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let mut from = 0;
        for to in cuts {
            file.write_all(&bytes[from..to]).unwrap();
            from = to;
            look(dir.path(), &mut series, false);
        }
        prop_assert_eq!(series.iter().map(|p| bits(&p)).collect::<Vec<_>>(), expected.iter().map(bits).collect::<Vec<_>>());
    }

    /// The fast reader of lines and the plain one see the same points and the same bad lines, whatever stands there.
    #[test]
    fn fast_is_slow(lines in proptest::collection::vec(any_line(), 0..30)) {
        let bytes = lines.concat();
        let (expected, counts) = slowly(&bytes);
        let mut points: Vec<Point> = Vec::new();
        prop_assert_eq!(Sink::lines(&mut points, &bytes), counts);
        prop_assert_eq!(points.iter().map(bits).collect::<Vec<_>>(), expected.iter().map(bits).collect::<Vec<_>>());
        let mut latest = Latest::default();
        prop_assert_eq!(latest_of(&bytes, &mut latest), counts);
        let mut plain = Latest::default();
        expected.iter().for_each(|point| plain.push(*point));
        prop_assert_eq!((latest.points, latest.best.map(|p| bits(&p))), (plain.points, plain.best.map(|p| bits(&p))));
    }

    /// However often reading stops, and wherever pages end, the points are the same.
    #[test]
    fn any_budget_gives_the_same_points(
        lines in proptest::collection::vec(any_line(), 0..40), page in 1usize..3000,
    ) {
        let bytes = lines.concat();
        // What the end of a file means is another test's.
        let bytes = if bytes.ends_with(b"\n") { bytes } else { [&bytes[..], b"\n"].concat() };
        let (expected, counts) = slowly(&bytes);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("m"), &bytes).unwrap();
        let mut points: Vec<Point> = Vec::new();
        let (read, slices) = in_slices(dir.path(), page, &mut points);
        prop_assert_eq!(points.iter().map(bits).collect::<Vec<_>>(), expected.iter().map(bits).collect::<Vec<_>>());
        prop_assert_eq!(read, counts);
        prop_assert!(slices >= bytes.len() / (page + LINE));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        whole(&bytes);
    }
}

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

fn read(yaml: &str) -> Meta {
    parse(yaml.as_bytes()).unwrap_or_else(|fault| panic!("{fault}: {yaml:?}"))
}

fn why(bytes: &[u8]) -> String {
    parse(bytes).map(|meta| format!("{meta:?}")).unwrap_err().to_string()
}

/// Everything that can be asked, in one value.
fn all(meta: &Meta) -> BTreeMap<String, String> {
    let keys: Vec<&str> = meta.entries.iter().map(|entry| meta.piece(&entry.key)).collect();
    let answer = |key| match meta.map(key) {
        Some(map) => format!("{:?}", map.collect::<BTreeMap<_, _>>()),
        None => format!("{:?} {:?}", meta.text(key), meta.integer(key)),
    };
    keys.into_iter().map(|key| (key.to_owned(), answer(key))).collect()
}

const RUN: &str = "artifact_uri: file:///tmp/demo/mlruns/0/2d54/artifacts\nend_time: null\nentry_point_name: ''\n\
    experiment_id: '0'\nlifecycle_stage: active\nrun_name: nosy-crane-12\nstart_time: 1795414927421\nstatus: 3\n\
    tags: []\nuser_id: \"de mo\"\n";

#[test]
fn an_ordinary_run_is_read_the_fast_way() {
    assert!(lines::read(RUN).is_some());
    let meta = read(RUN);
    assert_eq!(meta.text("run_name"), Some("nosy-crane-12"));
    assert_eq!(meta.text("user_id"), Some("de mo"));
    assert_eq!(meta.text("entry_point_name"), Some(""));
    assert_eq!(meta.integer("start_time"), Some(1_795_414_927_421));
    assert_eq!(meta.integer("experiment_id"), Some(0));
    assert_eq!((meta.text("end_time"), meta.integer("end_time")), (None, None));
    assert!(meta.contains("end_time") && !meta.contains("deleted_time"));
    assert!(meta.text("tags").is_none() && meta.map("tags").is_none());
}

#[test]
fn what_the_fast_way_leaves_alone() {
    for line in [
        "a: \"\\x41\"",
        "a: 'x'y'",
        "a: 'x",
        "a: x # y",
        "a: x: y",
        "a: &x y",
        "a: |",
        "a: !!str x",
        "a: [b]",
        "a: \tx",
        "a: x\u{2028}",
        "a: x ",
        "a : x",
        "a:x",
        " a: x",
        "'a': x",
        "? a",
        "- a",
        "# a",
        "---",
        "a: x\n  y",
        "a:\n  b: c",
        "a: x\r",
        "a: '",
        "a: -",
    ] {
        assert!(lines::read(line).is_none(), "{line:?}");
    }
}

/// Real PyYAML 6.0.3 wrote these as MLflow does: `yaml.dump(d, default_flow_style=False, allow_unicode=True,
/// Dumper=CSafeDumper, width=80)`, of all odd values that are known and of random pieces of them.
#[test]
fn what_pyyaml_writes_comes_back() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/yaml_cases.json");
    let cases: Vec<(String, BTreeMap<String, Json>)> =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(cases.len() > 120);
    for (yaml, want) in cases {
        let meta = read(&yaml);
        assert_eq!(meta.entries.len(), want.len(), "{yaml:?}");
        for (key, value) in want {
            assert!(meta.contains(&key), "{key:?} in {yaml:?}");
            match value {
                Json::Object(map) => {
                    let want: BTreeMap<_, _> =
                        map.iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect();
                    assert_eq!(meta.map(&key).unwrap().collect::<BTreeMap<_, _>>(), want, "{yaml:?}");
                }
                value => assert_eq!(meta.text(&key), value.as_str(), "{yaml:?}"),
            }
        }
    }
}

#[test]
fn integers() {
    let cases = [
        ("5", Some(5)),
        ("-5", Some(-5)),
        ("'5'", Some(5)),
        ("+5", Some(5)),
        ("1.0", Some(1)),
        ("-1.9", Some(-1)),
        ("1.6e12", Some(1_600_000_000_000)),
        ("9223372036854775807", Some(i64::MAX)),
        ("-9223372036854775808", Some(i64::MIN)),
        ("9223372036854775808", None),
        ("1e30", None),
        ("1_000", None),
        ("0x1F", None),
        ("nan", None),
        (".inf", None),
        ("inf", None),
        ("''", None),
        ("x", None),
        ("null", None),
        ("[]", None),
        ("{}", None),
    ];
    for (text, want) in cases {
        assert_eq!(read(&format!("a: {text}\n")).integer("a"), want, "{text}");
    }
}

#[test]
fn null_is_nothing_unless_quoted() {
    for text in ["null", "Null", "NULL", "~", "", " # nothing"] {
        assert_eq!(read(&format!("a: {text}\nb: c")).text("a"), None, "{text}");
    }
    assert_eq!(read("a: 'null'\nb: \"~\"\nc: None").text("a"), Some("null"));
    assert_eq!(read("a: !!str null").text("a"), Some("null"));
}

#[test]
fn maps_one_level_deep() {
    let meta = read(
        "tags:\n  mlflow.data.context: training\n  x: null\n  y: [1]\n  z: 1\n  z: '2'\nempty: {}\nlist:\n- 1\n",
    );
    let tags: Vec<_> = meta.map("tags").unwrap().collect();
    assert_eq!(tags, [("mlflow.data.context", "training"), ("z", "2")]);
    assert_eq!(meta.map("empty").unwrap().count(), 0);
    assert!(meta.map("list").is_none() && meta.map("absent").is_none());
}

#[test]
fn the_last_of_two_keys_counts() {
    assert_eq!(read("a: 1\na: 2\n").text("a"), Some("2"));
    assert_eq!(read("a: 1\na: \"\\x32\"\n").text("a"), Some("2"));
}

#[test]
fn files_edited_by_hand() {
    let meta = read("\u{feff}# a comment\r\n---\r\nname: x y # why\r\nnote: |\r\n  one\r\n  two\r\n");
    assert_eq!(meta.text("name"), Some("x y"));
    assert_eq!(meta.text("note"), Some("one\ntwo\n"));
    assert_eq!(read("{name: x, tags: {a: b}}").map("tags").unwrap().next(), Some(("a", "b")));
}

#[test]
fn faults() {
    for blank in [&b""[..], b" \n\t\r\n", b"\xef\xbb\xbf"] {
        assert_eq!(parse(blank).unwrap_err(), Fault::Empty);
    }
    let cases: [(&[u8], &str); 14] = [
        (b"a: \xff\n", "not UTF-8"),
        (b"\xff\xfea\0:\0", "not UTF-8"),
        (b"a: \xec\x8b", "cut off inside a character"),
        (b"\0\0\0\0", "contains NUL bytes"),
        (b"just text", "not a mapping"),
        (b"# only a comment", "not a mapping"),
        (b"- a\n- b\n", "not a mapping"),
        (b"a: 1\nb: 'x y\n", "cut off in the value of line 2"),
        (b"a: 1\nb: \"x y", "cut off in the value of line 2"),
        (b"a: 1\n---\nb: 2\n", "more than one document"),
        (b"a: &x 1\nb: *x\n", "an alias, which mltop does not follow, in line 2"),
        (b"? [a]\n: 1\n", "a key is not text"),
        (b"a: 1\nlifecy", "a line without `key: value`, or cut off inside a key"),
        (b"a: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\n", "nested deeper than 16 levels"),
    ];
    for (bytes, want) in cases {
        assert_eq!(why(bytes), want, "{:?}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(why(&vec![b'a'; LIMIT + 1]), "larger than 1 MiB");
}

#[test]
fn half_a_file_is_read_or_broken_but_never_wrong() {
    let whole = read(RUN);
    for end in 1..RUN.len() {
        let Ok(meta) = parse(&RUN.as_bytes()[..end]) else { continue };
        let before = RUN[..end].matches('\n').count();
        assert!(meta.entries.len() <= before + 1);
        for key in ["artifact_uri", "end_time", "entry_point_name", "experiment_id"].into_iter().take(before)
        {
            assert_eq!(meta.text(key), whole.text(key));
        }
    }
}

/// Deep nesting, long lists and much of everything: an answer on a small stack, without waiting.
#[test]
fn bombs_are_defused() {
    let units = [
        "[",
        "{",
        "- ",
        "? ",
        ": ",
        "&a ",
        "&a",
        "!",
        "a: ",
        "a:\n",
        "a,",
        "{a: ",
        "[{",
        "'",
        "\"",
        "\\",
        "#",
        "%",
        "---\n",
        "|\n",
        "\n",
        "\t",
        "\u{2028}",
        "\u{2028}\n",
        "[]",
        "x ",
        "!a ",
        "-\n",
        "\u{feff}",
    ];
    let all = move || {
        for unit in units {
            for start in ["", "a: ", "a: [", "a: '", "a: |\n  ", "[[[["] {
                let text = format!("{start}{}", unit.repeat((LIMIT - 8) / unit.len()));
                let began = std::time::Instant::now();
                drop(parse(text.as_bytes()));
                // A wide bound, for slow machines that are busy and a build without optimisation.
                assert!(began.elapsed().as_secs() < 10, "{start:?} {unit:?}");
            }
        }
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(all).unwrap().join().unwrap();
}

#[test]
fn long_files_of_datasets_are_read() {
    let schema = "{\"name\": \"it''s\", \"type\": [{},\n  ".repeat(5000);
    let name = "lorem - [x {y\n  ".repeat(2000);
    let meta = read(&format!("name: {name}end\nprofile: null\nschema: '{schema}'\ntags: {{}}\n"));
    assert_eq!(meta.text("schema").map(str::len), Some(schema.len() - 5000 * 3));
    assert_eq!(meta.text("name").map(|name| name.matches("[x {y l").count()), Some(1999));
    let map = format!("schema: '{schema}'\ntags:\n  a: b\n");
    assert_eq!(why(map.as_bytes()), "lists or maps beyond 64 KiB");
}

/// Writes a value as the emitter of older versions of libyaml does in single quotes, with lines folded at 80 columns.
fn single_quoted(value: &str) -> String {
    let (mut out, mut column, mut before) = ("'".to_owned(), 11, '\0');
    let mut characters = value.chars().peekable();
    while let Some(c) = characters.next() {
        let beside_blank = before == ' ' || before == '\0' || matches!(characters.peek(), Some(' ') | None);
        match c {
            '\n' | '\u{2028}' | '\u{2029}' => {
                if c == '\n' && !is_break(before) {
                    out.push('\n');
                }
                out.push(c);
                column = 0;
            }
            ' ' if column > 80 && !beside_blank => {
                out.push_str("\n  ");
                column = 2;
            }
            c => {
                if is_break(before) {
                    out.push_str("  ");
                }
                out.push(c);
                out.extend((c == '\'').then_some(c));
                column += 1;
            }
        }
        before = c;
    }
    out + "'"
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\u{2028}' | '\u{2029}')
}

/// Writes a value in double quotes, with everything but letters escaped in all ways there are.
fn double_quoted(value: &str) -> String {
    let mut out = "\"".to_owned();
    for (at, c) in value.chars().enumerate() {
        match c {
            'a'..='z' | '0'..='9' => out.push(c),
            ' ' if at % 7 == 6 => out.push_str("\\\n  \\ "),
            ' ' | '"' | '\\' => out.extend(['\\', c]),
            '\u{85}' => out.push_str("\\N"),
            '\u{a0}' => out.push_str("\\_"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            '\x1b' => out.push_str("\\e"),
            c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02X}", c as u32)),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push_str(&format!("\\U{:08X}", c as u32)),
        }
    }
    out + "\""
}

proptest! {
    #[test]
    fn single_quotes_come_back(value in "[a-z' 한🚀:#\\[\u{2028}\u{2029}\n-]{0,30}( ?[a-z']{1,9}){0,40}") {
        // PyYAML uses double quotes where a blank stands beside a break or at an end.
        let value: Vec<&str> = value.split(is_break).map(|line| line.trim_matches(' ')).collect();
        let value = value.join(if value.len().is_multiple_of(2) { "\n" } else { "\u{2028}" });
        let yaml = format!("run_name: {}\nstatus: 3\n", single_quoted(&value));
        let meta = read(&yaml);
        prop_assert_eq!(meta.text("run_name"), Some(&*value), "{:?}", yaml);
        prop_assert!(lines::is_flat(&yaml));
    }

    #[test]
    fn double_quotes_come_back(value in any::<String>()) {
        let yaml = format!("run_name: {}\nstatus: 3\n", double_quoted(&value));
        let meta = read(&yaml);
        prop_assert_eq!(meta.text("run_name"), Some(&*value));
        prop_assert!(lines::is_flat(&yaml));
    }

    #[test]
    fn folded_plain_text_comes_back(words in prop::collection::vec("[a-z한][a-z,'\\[{한]{0,20}", 1..60)) {
        let yaml = format!("run_name: {}\nstatus: 3\n", words.join("\n  "));
        prop_assume!(!is_null(&words.join(" ")));
        prop_assert_eq!(read(&yaml).text("run_name").map(str::to_owned), Some(words.join(" ")));
        prop_assert!(lines::is_flat(&yaml));
    }

    #[test]
    fn both_ways_agree(lines in prop::collection::vec("[a-c_]{1,2}:? ?[a-c' \"\\[\\]{}#:&*!|>%@`,~0-9é.\u{a0}-]{0,8}", 1..4)) {
        let text = lines.join("\n");
        if let Some(fast) = lines::read(&text) {
            prop_assert_eq!(all(&fast), all(&events::read(&text).unwrap()), "{:?}", text);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(parse(&bytes));
    }

    #[test]
    fn arbitrary_yaml_never_panics(text in "(a: )?([\\[\\]{}:?&*!|>'\"%@`#, ab~\n\u{2028}-]|: |- |---\n|\n  ){0,60}") {
        drop(parse(text.as_bytes()));
    }
}

/// PyYAML writes `\U0001F680`; other programs write YAML as JSON.
#[test]
fn pairs_of_escapes_as_in_json() {
    let meta = parse(br#"{"name": "\ud83d\ude80 go \\ud83d \\", "user": "\ud83d\udE80"}"#).unwrap();
    assert_eq!(meta.text("name"), Some("\u{1f680} go \\ud83d \\"));
    assert_eq!(meta.text("user"), Some("\u{1f680}"));
    assert!(parse(br#"name: "\ud83d alone""#).is_err());
}

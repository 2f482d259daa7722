//! Values out of somebody else's JSON: whatever stands there is taken as far as it makes sense, and costs nothing else.
//!
//! Servers differ: integers are numbers or, before MLflow 1.x, strings; NaN and infinities are strings; lists that are
//! empty are left out. A value of another type is none, so that one odd field never costs a page.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Text; numbers as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words<'a>(pub Option<Cow<'a, str>>);

/// An integer, also as a string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Int(pub Option<i64>);

/// A number, also `"NaN"`, `"Infinity"` and `"-Infinity"`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Float(pub Option<f64>);

/// True, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

/// A list; anything else is an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

/// An object; anything else is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object<T>(pub Option<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'a> Words<'a> {
    /// The text.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text, when it is not empty.
    pub fn some(&self) -> Option<&str> {
        self.get().filter(|text| !text.is_empty())
    }
}

/// Drains what is no value of the wanted kind.
fn drain_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn drain_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// The visitor methods for what is none, so that each type lists only what it takes.
macro_rules! nothing_else {
    ($value:ty: $($kind:ident)*) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("anything")
        }
        $(nothing_else!(@$kind);)*
    };
    (@unit) => {
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> { Ok(Default::default()) }
    };
    (@bool) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> { Ok(Default::default()) }
    };
    (@numbers) => {
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> { Ok(Default::default()) }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> { Ok(Default::default()) }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> { Ok(Default::default()) }
    };
    (@text) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> { Ok(Default::default()) }
    };
    (@list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
            drain_list(list).map(|()| Default::default())
        }
    };
    (@map) => {
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            drain_map(map).map(|()| Default::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Words<'de>;
            nothing_else!(Words<'de>: unit bool list map);
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Words(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Words(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Words(Some(number.to_string().into())))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Words(Some(number.to_string().into())))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Words(Some(number.to_string().into())))
            }
        }
        deserializer.deserialize_any(Take)
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Int;
            nothing_else!(Int: unit bool list map);
            fn visit_i64<E: Error>(self, number: i64) -> Result<Int, E> {
                Ok(Int(Some(number)))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Int, E> {
                Ok(Int(number.try_into().ok()))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Int, E> {
                // Whole numbers that a float holds exactly.
                let is_whole = number.fract() == 0.0 && number.abs() <= (1_i64 << 53) as f64;
                Ok(Int(is_whole.then_some(number as i64)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Int, E> {
                Ok(Int(text.trim().parse().ok()))
            }
        }
        deserializer.deserialize_any(Take)
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Float;
            nothing_else!(Float: unit bool list map);
            fn visit_i64<E: Error>(self, number: i64) -> Result<Float, E> {
                Ok(Float(Some(number as f64)))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Float, E> {
                Ok(Float(Some(number as f64)))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Float, E> {
                Ok(Float(Some(number)))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Float, E> {
                Ok(Float(match text {
                    "NaN" => Some(f64::NAN),
                    "Infinity" => Some(f64::INFINITY),
                    "-Infinity" => Some(f64::NEG_INFINITY),
                    other => other.trim().parse().ok(),
                }))
            }
        }
        deserializer.deserialize_any(Take)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take;
        impl<'de> Visitor<'de> for Take {
            type Value = Flag;
            nothing_else!(Flag: unit numbers text list map);
            fn visit_bool<E: Error>(self, is: bool) -> Result<Flag, E> {
                Ok(Flag(is))
            }
        }
        deserializer.deserialize_any(Take)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Take<T> {
            type Value = List<T>;
            nothing_else!(List<T>: unit bool numbers text map);
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut out = Vec::new();
                while let Some(item) = list.next_element()? {
                    out.push(item);
                }
                Ok(List(out))
            }
        }
        deserializer.deserialize_any(Take(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Take<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Take<T> {
            type Value = Object<T>;
            nothing_else!(Object<T>: unit bool numbers text list);
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|value| Object(Some(value)))
            }
        }
        deserializer.deserialize_any(Take(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::from_str;

    #[test]
    fn values_of_any_type() {
        let odd = ["null", "true", "[1, [2]]", r#"{"a": {"b": 1}}"#];
        for json in odd {
            assert_eq!(from_str::<Words<'_>>(json).unwrap(), Words(None), "{json}");
            assert_eq!(from_str::<Int>(json).unwrap(), Int(None), "{json}");
            assert_eq!(from_str::<Float>(json).unwrap(), Float(None), "{json}");
        }
        assert_eq!(from_str::<Words<'_>>("7").unwrap().get(), Some("7"));
        assert_eq!(from_str::<Words<'_>>(r#""a\u0301""#).unwrap().get(), Some("a\u{301}"));
        for (json, int) in [
            ("9223372036854775807", Some(i64::MAX)),
            (r#""-9223372036854775808""#, Some(i64::MIN)),
            ("18446744073709551616", None),
            ("1.5", None),
            ("3.0", Some(3)),
            (r#""soon""#, None),
        ] {
            assert_eq!(from_str::<Int>(json).unwrap(), Int(int), "{json}");
        }
        for exact in [0.227_366_419_020_591_02, 0.980_000_000_000_000_1, 5e-324, f64::MAX] {
            assert_eq!(
                from_str::<Float>(&format!("{exact:?}")).unwrap(),
                Float(Some(exact)),
                "to the last bit"
            );
        }
        assert_eq!(from_str::<Float>(r#""-Infinity""#).unwrap(), Float(Some(f64::NEG_INFINITY)));
        assert!(from_str::<Float>(r#""NaN""#).unwrap().0.unwrap().is_nan());
        assert_eq!(
            from_str::<List<Int>>("[1, null, \"2\"]").unwrap().0,
            [Int(Some(1)), Int(None), Int(Some(2))]
        );
        assert_eq!(from_str::<List<Int>>("{}").unwrap().0, []);
        assert_eq!(from_str::<Flag>("true").unwrap(), Flag(true));
        assert_eq!(from_str::<Flag>("\"true\"").unwrap(), Flag(false));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            let _ = (from_str::<List<Object<List<Words<'_>>>>>(&text).is_ok(), from_str::<Int>(&text).is_ok());
        }
    }
}

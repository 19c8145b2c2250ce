//! A value to bind: the few kinds that both databases keep alike.

use crate::clock::Time;

/// A bound value. `None` is NULL of that kind (PostgreSQL wants a type for its NULLs).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// BIGINT, INTEGER.
    Int(Option<i64>),
    /// TEXT.
    Text(Option<Box<str>>),
    /// BOOLEAN.
    Bool(Option<bool>),
    /// TIMESTAMPTZ, or TEXT in RFC 3339.
    Time(Option<Time>),
    /// BYTEA, BLOB.
    Bytes(Option<Vec<u8>>),
    /// A column of many rows, its values of one kind: an array, on PostgreSQL only.
    Column(Vec<Value>),
}

macro_rules! into_value {
    ($($from:ty => $variant:ident, $map:expr);+ $(;)?) => {$(
        impl From<$from> for Value {
            fn from(v: $from) -> Self {
                #[allow(clippy::redundant_closure_call)]
                Value::$variant(Some(($map)(v)))
            }
        }
        impl From<Option<$from>> for Value {
            fn from(v: Option<$from>) -> Self {
                Value::$variant(v.map($map))
            }
        }
    )+};
}

into_value! {
    i64 => Int, |v| v;
    i32 => Int, i64::from;
    u32 => Int, i64::from;
    &str => Text, |v: &str| v.into();
    String => Text, |v: String| v.into_boxed_str();
    &String => Text, |v: &String| v.as_str().into();
    bool => Bool, |v| v;
    Time => Time, |v| v;
    Vec<u8> => Bytes, |v| v;
    &[u8] => Bytes, |v: &[u8]| v.to_vec();
    &serde_json::Value => Text, |v: &serde_json::Value| v.to_string().into_boxed_str();
    serde_json::Value => Text, |v: serde_json::Value| v.to_string().into_boxed_str();
}

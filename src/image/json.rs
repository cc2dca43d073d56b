//! JSON as engines read it, which is as Go's `encoding/json` does: keys match in any case, the last of several wins, text
//! that is not UTF-8 is repaired, `null` is the same as nothing. A field of the wrong kind is dropped with a note, so that it
//! costs no more than itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// The most values of a document. An index of 4,096 manifests has about 80,000.
const MAX_VALUES: usize = 500_000;
/// Oddities of one document that are reported.
const MAX_NOTES: usize = 5;

/// A value. Objects keep their keys in the order of the document.
#[derive(Debug)]
enum Json {
    Null,
    Bool(bool),
    Number(Option<u64>),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// A document that was read, and what is odd about it.
#[derive(Debug)]
pub(super) struct Document {
    value: Json,
    notes: Notes,
}

/// Notes that are taken while fields are read.
#[derive(Debug, Default)]
struct Notes(RefCell<Vec<String>>);

impl Notes {
    fn add(&self, note: String) {
        let mut notes = self.0.borrow_mut();
        if notes.len() < MAX_NOTES && !notes.contains(&note) {
            notes.push(note);
        }
    }
}

impl Document {
    /// Reads the bytes of a document.
    ///
    /// # Errors
    /// If it is not JSON, nests more than 128 deep, or has more than 500,000 values.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let notes = Notes::default();
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            notes.add("it has bytes that are not UTF-8".to_owned());
        }
        let repaired = without_lone_surrogates(&text);
        if repaired.is_some() {
            notes.add("it has escapes of half a character".to_owned());
        }
        let text = repaired.as_deref().unwrap_or(&text);
        let mut reader = serde_json::Deserializer::from_str(text);
        let left = RefCell::new(MAX_VALUES);
        let value = Seed(&left).deserialize(&mut reader).map_err(|error| error.to_string())?;
        reader.end().map_err(|error| error.to_string())?;
        Ok(Self { value, notes })
    }

    /// The document as an object.
    ///
    /// # Errors
    /// If it is something else.
    pub(super) fn object(&self) -> Result<Object<'_>, String> {
        match &self.value {
            Json::Object(fields) => Ok(Object { fields, place: String::new(), notes: &self.notes }),
            other => Err(format!("it is {}, not an object", other.kind())),
        }
    }

    /// The document as a list of objects.
    ///
    /// # Errors
    /// If it is something else.
    pub(super) fn objects(&self) -> Result<Vec<Object<'_>>, String> {
        match &self.value {
            Json::Null => Ok(Vec::new()),
            Json::List(items) => Ok(objects(items, "", &self.notes)),
            other => Err(format!("it is {}, not a list", other.kind())),
        }
    }

    /// What was odd about the document and the fields that were read.
    pub(super) fn into_notes(self) -> Vec<String> {
        self.notes.0.into_inner()
    }
}

/// An object of a document.
#[derive(Debug, Clone)]
pub(super) struct Object<'d> {
    fields: &'d [(String, Json)],
    place: String,
    notes: &'d Notes,
}

impl<'d> Object<'d> {
    /// The field of that name in any case, the last of several; `None` for `null`, too.
    fn get(&self, key: &str) -> Option<&'d Json> {
        let mut all = self.fields.iter().rev().filter(|(own, _)| own.eq_ignore_ascii_case(key));
        let (_, value) = all.next()?;
        if all.next().is_some() {
            self.note(key, "is there more than once; the last one is used");
        }
        Some(value).filter(|value| !matches!(value, Json::Null))
    }

    fn place_of(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    fn note(&self, key: &str, what: &str) {
        self.notes.add(format!("`{}` {what}", self.place_of(key)));
    }

    fn wrong(&self, key: &str, got: &Json, wanted: &str) {
        self.note(key, &format!("is {}, not {wanted}, and is ignored", got.kind()));
    }

    /// A text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Json::Text(text) => Some(text.clone()),
            other => {
                self.wrong(key, other, "a string");
                None
            }
        }
    }

    /// A text; nothing is an empty one.
    pub(super) fn text_or_empty(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    /// A whole number.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Json::Number(Some(number)) => Some(*number),
            other => {
                self.wrong(key, other, "a whole number");
                None
            }
        }
    }

    /// A truth value; nothing is false.
    pub(super) fn flag(&self, key: &str) -> bool {
        match self.get(key) {
            None => false,
            Some(Json::Bool(flag)) => *flag,
            Some(other) => {
                self.wrong(key, other, "a boolean");
                false
            }
        }
    }

    /// A list of texts. A text alone is a list of one, as Docker reads it; `null` in the list is an empty text.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            None => Vec::new(),
            Some(Json::List(items)) => items.iter().filter_map(|item| self.item(key, item)).collect(),
            Some(Json::Text(text)) => {
                self.note(key, "is a string, not a list; it is used as a list of one");
                vec![text.clone()]
            }
            Some(other) => {
                self.wrong(key, other, "a list");
                Vec::new()
            }
        }
    }

    fn item(&self, key: &str, item: &Json) -> Option<String> {
        match item {
            Json::Text(text) => Some(text.clone()),
            Json::Null => {
                self.note(key, "has a `null`, which is used as an empty string");
                Some(String::new())
            }
            other => {
                self.note(key, &format!("has {}, not a string, which is ignored", other.kind()));
                None
            }
        }
    }

    /// An object of texts.
    pub(super) fn texts_by_key(&self, key: &str) -> BTreeMap<String, String> {
        let Some(object) = self.child(key) else { return BTreeMap::new() };
        object.fields.iter().filter_map(|(own, value)| Some((own.clone(), self.item(key, value)?))).collect()
    }

    /// The keys of an object.
    pub(super) fn keys(&self, key: &str) -> Vec<String> {
        let mut keys: Vec<String> = self
            .child(key)
            .map(|object| object.fields.iter().map(|(key, _)| key.clone()).collect())
            .unwrap_or_default();
        keys.sort();
        keys.dedup();
        keys
    }

    /// Its own keys, in the order of the document.
    pub(super) fn own_keys(&self) -> Vec<String> {
        self.fields.iter().map(|(key, _)| key.clone()).collect()
    }

    /// An object in it.
    pub(super) fn child(&self, key: &str) -> Option<Object<'d>> {
        match self.get(key)? {
            Json::Object(fields) => Some(Object { fields, place: self.place_of(key), notes: self.notes }),
            other => {
                self.wrong(key, other, "an object");
                None
            }
        }
    }

    /// A list of objects; `None` if there is none.
    pub(super) fn children(&self, key: &str) -> Option<Vec<Object<'d>>> {
        match self.get(key)? {
            Json::List(items) => Some(objects(items, &self.place_of(key), self.notes)),
            other => {
                self.wrong(key, other, "a list");
                None
            }
        }
    }
}

fn objects<'d>(items: &'d [Json], place: &str, notes: &'d Notes) -> Vec<Object<'d>> {
    let object = |(at, item): (usize, &'d Json)| {
        let place = format!("{place}[{at}]");
        match item {
            Json::Object(fields) => Object { fields, place, notes },
            other => {
                notes.add(format!("`{place}` is {}, not an object", other.kind()));
                Object { fields: &[], place, notes }
            }
        }
    };
    items.iter().enumerate().map(object).collect()
}

/// Reads any value, and counts it.
#[derive(Clone, Copy)]
struct Seed<'l>(&'l RefCell<usize>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let mut left = self.0.borrow_mut();
        *left = left.checked_sub(1).ok_or_else(|| de::Error::custom("it has more than 500,000 values"))?;
        drop(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(Some(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(u64::try_from(value).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number(None))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(key) = fields.next_key::<String>()? {
            object.push((key, fields.next_value_seed(self)?));
        }
        Ok(Json::Object(object))
    }
}

/// Replaces escapes of lone surrogates by that of U+FFFD; `None` if there are none.
fn without_lone_surrogates(text: &str) -> Option<String> {
    let unit = |at: usize| -> Option<u16> {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    while at < bytes.len() {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                let out = out.get_or_insert_with(String::new);
                out.push_str(&text[copied..at]);
                out.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            _ => at += 2,
        }
    }
    out.map(|out| out + &text[copied..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_go_reads() {
        let text = br#"{"Env": ["A=1", null, 7], "env": ["B=2"], "ENTRYPOINT": "run", "n": null, "Labels": {"a": null, "b": "2"},
            "s": "x\ud800y\ud83d\ude00", "raw": "caf\xe9", "size": 3, "list": [1]}"#;
        let text = [&text[..text.len()]].concat();
        let text: Vec<u8> = String::from_utf8_lossy(&text).replace("\\xe9", "\u{1}").into_bytes();
        let text: Vec<u8> = text.into_iter().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect();
        let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        let object = document.object().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(object.texts("Env"), ["B=2"], "the last one wins");
        assert_eq!(object.texts("Entrypoint"), ["run"]);
        assert_eq!(object.text("n"), None);
        let labels = object.texts_by_key("Labels");
        assert_eq!((labels["a"].as_str(), labels["b"].as_str()), ("", "2"));
        assert_eq!(object.text("s").as_deref(), Some("x\u{fffd}y\u{1f600}"));
        assert_eq!(object.text("raw").as_deref(), Some("caf\u{fffd}"));
        assert_eq!(object.number("size"), Some(3));
        assert_eq!(object.text("list"), None);
        let notes = document.into_notes();
        for says in ["not UTF-8", "half a character", "`Env` is there more than once", "`Entrypoint` is a string"] {
            assert!(notes.iter().any(|note| note.contains(says)), "{says}: {notes:?}");
        }
        assert!(Document::parse("[0,".repeat(200).as_bytes()).is_err());
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert!(Document::parse(many.as_bytes()).is_err_and(|error| error.contains("500,000 values")));
    }
}

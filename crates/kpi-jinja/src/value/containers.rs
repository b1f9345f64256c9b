//! What Rust code does with shared lists, dicts and sets.

use super::{Dict, Key, List, Set, Value};
use crate::Result;
use indexmap::{IndexMap, IndexSet};
use parking_lot::Mutex;
use std::sync::Arc;

impl List {
    /// A new list.
    pub fn new(items: Vec<Value>) -> Self {
        Self(Arc::new(Mutex::new(items)))
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// The item at an index.
    pub fn get(&self, index: usize) -> Option<Value> {
        self.0.lock().get(index).cloned()
    }

    /// Adds an item.
    pub fn push(&self, value: Value) {
        self.0.lock().push(value);
    }

    /// The items now.
    pub fn snapshot(&self) -> Vec<Value> {
        self.0.lock().clone()
    }

    /// Whether both are the same list.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Dict {
    /// A new, empty dict.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new dict with string keys.
    pub fn of<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let map: IndexMap<Key, Value, rustc_hash::FxBuildHasher> =
            entries.into_iter().map(|(k, v)| (Key(Value::Str(k.into())), v)).collect();
        Self(Arc::new(Mutex::new(map)))
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// The value of a string key.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.0.lock().get(&super::key::StrKey(key)).cloned()
    }

    /// The value of any key; `None` as well for a key that cannot be hashed.
    pub fn get_value(&self, key: &Value) -> Option<Value> {
        match key {
            Value::Str(s) => self.get(s),
            other => {
                let key = Key::new(other.clone()).ok()?;
                self.0.lock().get(&key).cloned()
            }
        }
    }

    /// Whether it has a string key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.lock().contains_key(&super::key::StrKey(key))
    }

    /// Sets a string key; the earlier value, if there was one.
    pub fn insert(&self, key: impl Into<Arc<str>>, value: impl Into<Value>) -> Option<Value> {
        let value = value.into();
        self.0.lock().insert(Key(Value::Str(key.into())), value)
    }

    /// Sets any key.
    ///
    /// # Errors
    /// A TypeError if the key is unhashable.
    pub fn set(&self, key: Value, value: Value) -> Result<()> {
        let key = Key::new(key)?;
        self.0.lock().insert(key, value);
        Ok(())
    }

    /// Removes a string key, keeping the order of the rest.
    pub fn remove(&self, key: &str) -> Option<Value> {
        self.0.lock().shift_remove(&super::key::StrKey(key))
    }

    /// The entries now.
    pub fn snapshot(&self) -> Vec<(Key, Value)> {
        self.0.lock().iter().map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// The keys now.
    pub fn keys(&self) -> Vec<Value> {
        self.0.lock().keys().map(|k| k.0.clone()).collect()
    }

    /// The values now.
    pub fn values(&self) -> Vec<Value> {
        self.0.lock().values().cloned().collect()
    }

    /// The entries with string keys now; others are left out.
    pub fn str_entries(&self) -> Vec<(Arc<str>, Value)> {
        let map = self.0.lock();
        map.iter()
            .filter_map(|(k, v)| match &k.0 {
                Value::Str(s) => Some((s.clone(), v.clone())),
                _ => None,
            })
            .collect()
    }

    /// A new dict with the same entries.
    pub fn shallow_copy(&self) -> Self {
        let map = self.0.lock().clone();
        Self(Arc::new(Mutex::new(map)))
    }

    /// Adds all entries of the other.
    pub fn extend(&self, other: &Self) {
        let entries = other.snapshot();
        self.0.lock().extend(entries);
    }

    /// Whether both are the same dict.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl FromIterator<(Key, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(entries: I) -> Self {
        let map: IndexMap<Key, Value, rustc_hash::FxBuildHasher> = entries.into_iter().collect();
        Self(Arc::new(Mutex::new(map)))
    }
}

impl Set {
    /// A new, empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new set of values.
    ///
    /// # Errors
    /// A TypeError if one is unhashable.
    pub fn of(values: impl IntoIterator<Item = Value>) -> Result<Self> {
        values.into_iter().map(Key::new).collect::<Result<_>>()
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// The members now, in the order in which Python would iterate them.
    pub fn snapshot(&self) -> Vec<Value> {
        crate::python::set_order::ordered_keys(self.0.lock().iter())
    }

    /// Whether it has a member.
    pub fn contains(&self, key: &Key) -> bool {
        self.0.lock().contains(key)
    }

    /// Adds a member; whether it is new.
    pub fn insert(&self, key: Key) -> bool {
        self.0.lock().insert(key)
    }

    /// Whether both are the same set.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl FromIterator<Key> for Set {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let set: IndexSet<Key, rustc_hash::FxBuildHasher> = keys.into_iter().collect();
        Self(Arc::new(Mutex::new(set)))
    }
}

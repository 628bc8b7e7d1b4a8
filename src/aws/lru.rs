//! A bounded map that forgets what was not used for longest.

/// A map of at most `max` entries. It is small: a search looks at each entry.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    max: usize,
    /// The last is the one that was used last.
    entries: Vec<(K, V)>,
}

impl<K: PartialEq, V: Clone> Lru<K, V> {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, entries: Vec::new() }
    }

    /// The value of the key. `make` makes it.
    pub(crate) fn get(&mut self, key: K, make: impl FnOnce() -> V) -> V {
        let entry = match self.entries.iter().position(|(known, _)| *known == key) {
            Some(at) => self.entries.remove(at),
            None => {
                if self.entries.len() >= self.max {
                    self.entries.remove(0);
                }
                (key, make())
            }
        };
        let value = entry.1.clone();
        self.entries.push(entry);
        value
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets the value of the key.
    pub(crate) fn remove(&mut self, key: &K) {
        self.entries.retain(|(known, _)| known != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_that_was_not_used_for_longest_is_forgotten() {
        let mut lru = Lru::new(2);
        let mut made = Vec::new();
        for key in ["a", "b", "a", "c", "a", "b"] {
            let value = lru.get(key, || {
                made.push(key);
                key
            });
            assert_eq!(value, key);
            assert!(lru.entries.len() <= 2);
        }
        assert_eq!(made, ["a", "b", "c", "b"]);
        lru.remove(&"a");
        assert_eq!(lru.entries, [("b", "b")]);
    }
}

//! API keys: only their SHA-256 digests are configured, and only digests are compared.

use super::well_known::well_known_keys;
use crate::model::list_words;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The configured API keys, as SHA-256 digests: neither the configuration nor the memory holds a
/// key.
#[derive(Default)]
pub struct ApiKeys(Vec<(String, [u8; 32])>);

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl ApiKeys {
    /// Parses comma-separated `name=digest` pairs. The same name with several digests is how a key
    /// is rotated.
    ///
    /// # Errors
    /// The problem in words, without the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys: Vec<(String, [u8; 32])> = Vec::new();
        for (i, pair) in list_words(text)?.into_iter().enumerate() {
            let problem = |problem: &str| format!("entry {} {problem}", i + 1);
            let (name, digest) = pair.split_once('=').ok_or_else(|| problem("is not name=digest"))?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b)) {
                return Err(problem("has a name of other characters than letters, digits and -_.@"));
            }
            let mut bytes = [0; 32];
            hex::decode_to_slice(digest, &mut bytes)
                .map_err(|_| problem("has a digest that is not 64 hex digits (SHA-256 of the key)"))?;
            let digest = bytes;
            if keys.iter().any(|(other, known)| *known == digest && other != name) {
                return Err(problem("has the digest of another name: a key must identify one caller"));
            }
            keys.push((name.to_owned(), digest));
        }
        Ok(Self(keys))
    }

    /// The index of a key that everybody knows, such as that of the examples; `None` without one.
    pub fn position_of_well_known(&self) -> Option<usize> {
        // A start without keys makes no digests.
        if self.is_empty() {
            return None;
        }
        let position_of = |key: String| {
            let well_known = <[u8; 32]>::from(Sha256::digest(key));
            self.0.iter().position(|(_, digest)| *digest == well_known)
        };
        well_known_keys().find_map(position_of)
    }

    /// Whether no key is configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key of this name is configured.
    pub fn has_name(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The name of a key; `None` if it is not configured. Takes the same time for every key: all
    /// digests are compared, each in constant time.
    pub fn name_of(&self, key: &[u8]) -> Option<&str> {
        let presented: [u8; 32] = Sha256::digest(key).into();
        let (mut found, mut index) = (Choice::from(0), 0u32);
        for (i, (_, digest)) in (0u32..).zip(&self.0) {
            let same = digest.ct_eq(&presented);
            index.conditional_assign(&i, same);
            found |= same;
        }
        let (name, _) = self.0.get(usize::try_from(index).ok()?)?;
        bool::from(found).then_some(name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> ApiKeys {
        let digest = |key: &str| hex::encode(Sha256::digest(key));
        ApiKeys::parse(&format!("ops={},ops={},ci={}", digest("old"), digest("new"), digest("ci key"))).unwrap()
    }

    #[test]
    fn err_keys_that_are_not_names_and_digests() {
        let digest = "ab".repeat(32);
        for text in [
            "x".into(),
            "x=".into(),
            format!("={digest}"),
            format!("a b={digest}"),
            format!("x={digest}0"),
            format!("x={}", "zz".repeat(32)),
            format!("x={digest},y={digest}"),
            format!("x={digest},"),
            format!(",x={digest}"),
            format!("x = {digest}"),
        ] {
            let error = ApiKeys::parse(&text).unwrap_err();
            assert!(error.starts_with("entry ") && !error.contains(&digest), "{text}: {error}");
        }
    }

    #[test]
    fn keys_that_everybody_knows_are_found() {
        assert_eq!(keys().position_of_well_known(), None);
        // The digests that a shell computes of an unset variable, without and with the end of a
        // line.
        for digest in [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b",
        ] {
            let keys = ApiKeys::parse(&format!("ops={},ci={digest}", "ab".repeat(32))).unwrap();
            assert_eq!(keys.position_of_well_known(), Some(1));
        }
    }

    #[test]
    fn keys_are_never_printed() {
        assert_eq!(format!("{:?}", keys()), r#"["ops", "ops", "ci"]"#);
    }
}

//! Parameters of OAuth requests (RFC 6749, section 3): each at most once, an empty one as good as none.

use std::collections::HashMap;
use url::form_urlencoded;

/// The longest request that is read, in bytes. A client assertion and a long list of scopes fit.
const LONGEST: usize = 32 * 1024;

/// The parameters of one request.
pub struct Form(HashMap<String, String>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`; `None` where it is too long or names something twice.
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut parameters = HashMap::new();
        for (name, value) in form_urlencoded::parse(text.get(..LONGEST.min(text.len()))?) {
            if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        (text.len() <= LONGEST).then_some(Self(parameters))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_given_twice_spoils_the_request_and_an_empty_one_is_none() {
        let form = Form::read(b"a=1&b=&c=%2F+x").expect("readable");
        assert_eq!((form.get("a"), form.get("b"), form.get("c"), form.get("d")), (Some("1"), None, Some("/ x"), None));
        assert!(Form::read(b"a=1&a=1").is_none());
        assert!(Form::read(&vec![b'a'; LONGEST + 1]).is_none());
    }
}

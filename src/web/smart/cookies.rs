//! The two cookies of the app: by which browser a launch was begun, and which session a browser has. Both hold secrets of
//! ours and nothing else; no script can read them.

use actix_web::HttpRequest;
use actix_web::http::header::COOKIE;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// Binds launches under way to the browser that began them.
    Browser,
    Session,
}

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Self::Browser => "prodrome-browser",
            Self::Session => "prodrome-smart",
        }
    }
}

/// How cookies are written at this server's address.
#[derive(Clone, Copy, Debug)]
pub struct Cookies {
    /// The address is https; without, which only development permits, browsers keep no `__Host-` cookie.
    pub secure: bool,
    /// EHRs show the app in frames, where browsers withhold other cookies.
    pub framed: bool,
}

impl Cookies {
    fn name(self, cookie: Cookie) -> String {
        format!("{}{}", if self.secure { "__Host-" } else { "" }, cookie.name())
    }

    /// A `Set-Cookie` value. Without `seconds` the browser keeps it until it is closed; 0 removes it.
    pub fn set(self, cookie: Cookie, value: &str, seconds: Option<u64>) -> String {
        let (name, life) = (self.name(cookie), seconds.map(|seconds| format!("; Max-Age={seconds}")));
        let site = match (self.secure, self.framed) {
            (true, true) => "; Secure; SameSite=None; Partitioned",
            (true, false) => "; Secure; SameSite=Lax",
            (false, _) => "; SameSite=Lax",
        };
        format!("{name}={value}; Path=/; HttpOnly{site}{}", life.unwrap_or_default())
    }

    /// What a browser brings; `None` where that is no secret of ours, or more than one.
    pub fn get(self, request: &HttpRequest, cookie: Cookie) -> Option<String> {
        let name = self.name(cookie);
        let headers = request.headers().get_all(COOKIE).filter_map(|header| header.to_str().ok());
        let pairs = headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
        let value = values.next().filter(|value| is_secret(value))?;
        values.next().is_none().then(|| value.to_owned())
    }
}

/// Whether a text has the shape of [`crate::platform::expiring::secret`].
fn is_secret(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::expiring::secret;
    use actix_web::test::TestRequest;

    #[test]
    fn cookies_are_as_strict_as_the_address_and_frames_permit() {
        let set = |secure, framed| Cookies { secure, framed }.set(Cookie::Session, "v", None);
        assert_eq!(set(true, false), "__Host-prodrome-smart=v; Path=/; HttpOnly; Secure; SameSite=Lax");
        assert_eq!(set(true, true), "__Host-prodrome-smart=v; Path=/; HttpOnly; Secure; SameSite=None; Partitioned");
        assert_eq!(set(false, true), "prodrome-smart=v; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn only_one_secret_of_our_shape_is_taken() {
        let (value, other, cookies) = (secret(), secret(), Cookies { secure: true, framed: false });
        let got = |header: String| {
            let request = TestRequest::default().insert_header((COOKIE, header)).to_http_request();
            cookies.get(&request, Cookie::Session)
        };
        assert_eq!(got(format!("a=b; __Host-prodrome-smart={value}; c=d")), Some(value.clone()));
        assert_eq!(got(format!("prodrome-smart={value}")), None);
        assert_eq!(got(format!("__Host-prodrome-smart={value}; __Host-prodrome-smart={other}")), None);
        assert_eq!(got("__Host-prodrome-smart=short".into()), None);
    }
}

//! [`Browser`]: keeps cookies and goes where it is sent, one step at a time.

use std::collections::BTreeMap;
use std::sync::Mutex;
use url::Url;

/// All servers of these tests are one host, so that one jar is enough.
#[derive(Default)]
pub struct Browser {
    cookies: Mutex<BTreeMap<String, String>>,
}

pub struct Page {
    pub status: u16,
    pub headers: awc::http::header::HeaderMap,
    pub text: String,
    pub url: String,
}

impl Page {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where it sends the browser.
    #[track_caller]
    pub fn location(&self) -> String {
        let location = self.header("location");
        assert!(!location.is_empty(), "{} sends nowhere: {} {}", self.url, self.status, self.text);
        location.to_owned()
    }

    /// One parameter of the address it sends to.
    #[track_caller]
    pub fn parameter(&self, name: &str) -> String {
        let location = Url::parse(&self.location()).expect("an address");
        let found = location.query_pairs().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no `{name}` in {location}")).1.into_owned()
    }

    /// Checks status and a word of the page.
    #[track_caller]
    pub fn says(&self, status: u16, words: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(self.text.contains(words), "{}", self.text);
    }
}

impl Browser {
    pub async fn get(&self, url: &str) -> Page {
        self.send(url, client().get(url)).await
    }

    pub async fn post(&self, url: &str, form: &[(&str, &str)]) -> Page {
        let request = client().post(url).insert_header(("cookie", self.cookies()));
        self.keep(url, request.send_form(&form).await.expect("an answer")).await
    }

    /// Opens an address and goes on wherever it is sent; every page on the way.
    pub async fn follow(&self, url: &str) -> Vec<Page> {
        let mut pages = vec![self.get(url).await];
        while let Some(next) = pages.last().filter(|page| (300..400).contains(&page.status)).map(Page::location) {
            assert!(pages.len() < 9, "sent round in circles");
            let next = Url::parse(&pages[pages.len() - 1].url).and_then(|base| base.join(&next)).expect("an address");
            pages.push(self.get(next.as_str()).await);
        }
        pages
    }

    /// The values of all its cookies.
    pub fn secrets(&self) -> Vec<String> {
        self.cookies.lock().expect("no panic").values().cloned().collect()
    }

    fn cookies(&self) -> String {
        let cookies = self.cookies.lock().expect("no panic");
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    async fn send(&self, url: &str, request: awc::ClientRequest) -> Page {
        self.keep(url, request.insert_header(("cookie", self.cookies())).send().await.expect("an answer")).await
    }

    async fn keep<S>(&self, url: &str, mut answer: awc::ClientResponse<S>) -> Page
    where
        S: futures_util::Stream<Item = Result<actix_web::web::Bytes, awc::error::PayloadError>> + Unpin,
    {
        for set in answer.headers().get_all("set-cookie") {
            let pair = set.to_str().expect("text").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.cookies.lock().expect("no panic").insert(name.to_owned(), value.to_owned());
        }
        let body = answer.body().limit(16 << 20).await.expect("a whole body");
        Page {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: String::from_utf8_lossy(&body).into_owned(),
            url: url.to_owned(),
        }
    }
}

/// Shows redirections instead of following them, and waits as long as it takes.
pub fn client() -> awc::Client {
    awc::Client::builder().disable_redirects().disable_timeout().finish()
}

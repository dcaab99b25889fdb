//! Which FHIR server may be read, and which of its links may be followed.

use url::Url;

/// The base address of a FHIR server that a client is configured for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FhirBase {
    /// Ends with `/`.
    base: Url,
}

impl FhirBase {
    /// The configured entry that `called` equals, apart from a final slash; `None`: it must not be called.
    pub fn of(called: &str, configured: &[String]) -> Option<Self> {
        let bare = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
        let entry = configured.iter().find(|entry| bare(entry) == bare(called))?;
        Self::parse(entry)
    }

    /// An address from the settings: http or https, without a query, a fragment or a password.
    pub fn parse(text: &str) -> Option<Self> {
        let base = Url::parse(&format!("{}/", text.strip_suffix('/').unwrap_or(text))).ok()?;
        let plain = base.query().is_none() && base.fragment().is_none() && base.username().is_empty();
        (matches!(base.scheme(), "http" | "https") && base.has_host() && base.password().is_none() && plain)
            .then_some(Self { base })
    }

    /// The address of a relative query, `Type/id` or `Type?search`; `None` for one that leaves the server's base.
    pub fn query(&self, relative: &str) -> Option<Url> {
        self.within(self.base.join(relative).ok()?)
    }

    /// A paging link, absolute or relative; `None` where it leads to another host or out of the server's base.
    pub fn link(&self, link: &str) -> Option<Url> {
        self.within(self.base.join(link).ok()?)
    }

    /// Same scheme, host and port, below the base (or the base itself, which some servers page by), and no password.
    fn within(&self, address: Url) -> Option<Url> {
        let base = self.base.path();
        let below = address.path().starts_with(base) || address.path() == base.trim_end_matches('/');
        (address.origin() == self.base.origin()
            && below
            && address.username().is_empty()
            && address.password().is_none())
        .then_some(address)
    }

    /// For messages: scheme, host and port.
    pub fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_configured_server_is_read_whatever_its_final_slash() {
        let configured = ["https://ehr.example.org/fhir/".to_owned()];
        assert!(FhirBase::of("https://ehr.example.org/fhir", &configured).is_some());
        assert!(FhirBase::of("https://ehr.example.org/fhir/", &configured).is_some());
        for other in [
            "https://ehr.example.org/fhir/x",
            "https://ehr.example.org/fhir?x=1",
            "https://EHR.example.org/fhir",
            "http://ehr.example.org/fhir",
            "https://ehr.example.org.evil.example/fhir",
            "https://user@ehr.example.org/fhir",
            "https://ehr.example.org/fhir/../fhir",
            "",
        ] {
            assert_eq!(FhirBase::of(other, &configured), None, "{other}");
        }
        assert_eq!(FhirBase::parse("ftp://ehr.example.org/fhir"), None);
        assert_eq!(FhirBase::parse("https://a:b@ehr.example.org/fhir"), None);
    }

    #[test]
    fn links_to_another_host_port_scheme_or_path_are_not_followed() {
        let base = FhirBase::parse("https://ehr.example.org/fhir").unwrap();
        for good in [
            "https://ehr.example.org/fhir/Condition?page=2",
            "Condition?page=2",
            "https://ehr.example.org/fhir?_getpages=x",
        ] {
            assert!(base.link(good).is_some(), "{good}");
        }
        for bad in [
            "https://evil.example/fhir/Condition?page=2",
            "//evil.example/fhir/Condition",
            "http://ehr.example.org/fhir/Condition",
            "https://ehr.example.org:8443/fhir/Condition",
            "https://ehr.example.org/other/Condition",
            "https://ehr.example.org/fhir/../admin",
            "https://ehr.example.org/fhirevil/Condition",
            "https://u:p@ehr.example.org/fhir/Condition",
            "../admin",
            "/admin",
            "file:///etc/passwd",
        ] {
            assert_eq!(base.link(bad), None, "{bad}");
        }
        assert!(base.query("Patient/p-1").is_some());
        assert_eq!(base.query("../admin"), None);
        assert_eq!(base.query("https://evil.example/"), None);
    }
}

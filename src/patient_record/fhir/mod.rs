//! FHIR resources read by borrowed fields, release differences settled here and nowhere else.

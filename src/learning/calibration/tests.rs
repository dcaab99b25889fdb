//! What `calibrate` refuses, on the shipped package.

use super::calibrate;
use crate::learning::shard::Split;
use crate::learning::toy::dataset;
use std::path::Path;

fn refusal(split: Split, out: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    dataset(folder.path(), &[], &[], &[]);
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/prodrome-s");
    calibrate(&model, folder.path(), split, out, &|_| ()).unwrap_err().to_string()
}

#[test]
fn test_patients_too_few_patients_and_a_folder_that_holds_a_package_are_refused() {
    let out = tempfile::tempdir().unwrap();
    assert!(refusal(Split::Test, out.path()).contains("for checking"));
    assert!(refusal(Split::Calibration, out.path()).contains("at least 50 are needed"));
    std::fs::write(out.path().join("manifest.json"), "{}").unwrap();
    assert!(refusal(Split::Calibration, out.path()).contains("is a package already"));
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1, "nothing was written");
}

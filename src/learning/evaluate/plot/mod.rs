//! The evaluation's pictures as plain SVG: AUROCs in a forest, reliability curves, the spread of risks.
//!
//! Colours differ in lightness too, so that they survive print; shapes carry what colours say.

use super::calibration::Calibration;
use super::figures::{Estimate, Task};
use super::report::{horizon, title};
use super::run::Evaluation;
use super::utility::NetBenefit;
use picture::{AGE_SEX, GRID, INK, MODEL, Picture, REGRESSION};

mod picture;

const FOREST_WIDTH: f64 = 880.0;

const SYNTHETIC: &str = "Synthetic patients: machinery, not medicine.";

/// AUROC with interval of each accepted outcome (all outcomes where none is accepted), beside both baselines.
pub fn forest(evaluation: &Evaluation) -> String {
    let mut tasks: Vec<&Task> = shown(evaluation).filter(|task| task.discrimination.is_some()).collect();
    let auroc = |task: &&Task| task.discrimination.map_or(0.0, |d| d.model.value);
    tasks.sort_by(|a, b| auroc(b).total_cmp(&auroc(a)));
    let (left, right, top, step) = (350.0, 30.0, 66.0, 22.0);
    let mut picture = Picture::new(FOREST_WIDTH, top + step * tasks.len() as f64 + 50.0);
    let (low, high) = (0.4, 1.0);
    let bottom = top + step * tasks.len() as f64;
    let x = |auroc: f64| left + (auroc.clamp(low, high) - low) / (high - low) * (FOREST_WIDTH - left - right);
    picture.text((20.0, 24.0), 15.0, "start", "AUROC with 95 % intervals");
    picture.dot((340.0, 44.0), 4.0, MODEL);
    picture.text((350.0, 48.0), 12.0, "start", "model");
    picture.diamond((420.0, 44.0), AGE_SEX);
    picture.text((430.0, 48.0), 12.0, "start", "age and sex");
    picture.diamond((530.0, 44.0), REGRESSION);
    picture.text((540.0, 48.0), 12.0, "start", "regression on counts");
    for tick in 4..=10 {
        let at = x(f64::from(tick) / 10.0);
        picture.line((at, top - 8.0), (at, bottom), if tick == 5 { AGE_SEX } else { GRID }, 1.0);
        picture.text((at, bottom + 16.0), 11.0, "middle", &format!("{:.1}", f64::from(tick) / 10.0));
    }
    for (place, task) in tasks.iter().enumerate() {
        let Some(d) = &task.discrimination else { continue };
        let y = top + step * place as f64 + 4.0;
        picture.text((left - 12.0, y + 4.0), 12.0, "end", &title(task));
        picture.line((x(d.model.low), y), (x(d.model.high), y), MODEL, 2.0);
        picture.diamond((x(d.age_sex.value), y), AGE_SEX);
        if let Some(regression) = &d.regression {
            picture.diamond((x(regression.value), y), REGRESSION);
        }
        picture.dot((x(d.model.value), y), 4.0, MODEL);
    }
    picture.text((20.0, bottom + 38.0), 11.0, "start", SYNTHETIC);
    picture.finish()
}

/// The accepted outcomes; all where none is.
fn shown(evaluation: &Evaluation) -> impl Iterator<Item = &Task> {
    let some = evaluation.tasks.iter().any(|task| task.accepted);
    evaluation.tasks.iter().filter(move |task| task.accepted || !some)
}

const PANEL: f64 = 190.0;
const COLUMNS: usize = 5;
const LONGEST_TITLE: usize = 38;

/// Small pictures in rows of five, one per outcome with calibration figures.
fn panels(
    evaluation: &Evaluation,
    heading: &str,
    draw: impl Fn(&mut Picture, (f64, f64), f64, &Task, &Calibration),
) -> String {
    let tasks: Vec<(&Task, &Calibration)> =
        shown(evaluation).filter_map(|task| Some((task, task.calibration.as_ref()?))).collect();
    let rows = tasks.len().div_ceil(COLUMNS) as f64;
    let mut picture = Picture::new(PANEL * COLUMNS as f64 + 20.0, 60.0 + rows * (PANEL + 10.0) + 20.0);
    picture.text((20.0, 24.0), 15.0, "start", heading);
    for (place, (task, calibration)) in tasks.iter().enumerate() {
        let left = 30.0 + PANEL * (place % COLUMNS) as f64;
        let top = 70.0 + (PANEL + 10.0) * (place / COLUMNS) as f64;
        let side = PANEL - 54.0;
        // Two lines: long titles differ at their ends.
        let name: String = task.title.chars().take(LONGEST_TITLE).collect();
        picture.text((left - 10.0, top - 18.0), 9.0, "start", &name);
        picture.text((left - 10.0, top - 7.0), 9.0, "start", &horizon(task.horizon_days));
        draw(&mut picture, (left, top), side, task, calibration);
    }
    let foot = picture.height - 10.0;
    picture.text((20.0, foot), 11.0, "start", SYNTHETIC);
    picture.finish()
}

/// Risk against observed share, ten bins of equal mass, for each accepted outcome.
pub fn reliability(evaluation: &Evaluation) -> String {
    panels(
        evaluation,
        "Observed share (up) against risk (right), from the index day",
        |picture, at, side, _, figures| {
            let most = figures.curve.iter().flat_map(|bin| [bin.risk, bin.observed]).fold(0.0, f64::max);
            let scale = round_up(most);
            let place = |risk: f64, observed: f64| (at.0 + risk / scale * side, at.1 + side - observed / scale * side);
            frame(picture, at, side, scale);
            picture.text((at.0 + side, at.1 + side + 11.0), 9.0, "end", &format!("{scale}"));
            picture.line(place(0.0, 0.0), place(scale, scale), AGE_SEX, 1.0);
            for pair in figures.curve.windows(2) {
                picture.line(place(pair[0].risk, pair[0].observed), place(pair[1].risk, pair[1].observed), MODEL, 1.4);
            }
            for bin in &figures.curve {
                picture.dot(place(bin.risk, bin.observed), 2.6, MODEL);
            }
        },
    )
}

/// Mean risk of each tenth of the rows, as bars, with the alert threshold across.
pub fn risks(evaluation: &Evaluation) -> String {
    panels(
        evaluation,
        "Mean risk of each tenth of the rows, lowest first; line: alert threshold",
        |picture, at, side, task, figures| {
            let most = figures.curve.iter().map(|bin| bin.risk).fold(0.0, f64::max);
            let scale = round_up(most);
            frame(picture, at, side, scale);
            let wide = side / figures.curve.len().max(1) as f64;
            for (place, bin) in figures.curve.iter().enumerate() {
                let tall = bin.risk / scale * side;
                picture.bar((at.0 + wide * place as f64 + 1.0, at.1 + side - tall), (wide - 2.0, tall), MODEL);
            }
            let Some(threshold) = task.utility.as_ref().map(|utility| utility.served.threshold) else { return };
            if threshold < scale {
                let y = at.1 + side - threshold / scale * side;
                picture.line((at.0, y), (at.0 + side, y), REGRESSION, 1.4);
            }
        },
    )
}

/// Axes, the upright one with its end written.
fn frame(picture: &mut Picture, at: (f64, f64), side: f64, scale: f64) {
    picture.line(at, (at.0, at.1 + side), INK, 0.8);
    picture.line((at.0, at.1 + side), (at.0 + side, at.1 + side), INK, 0.8);
    picture.text((at.0 - 3.0, at.1 + 8.0), 9.0, "end", &format!("{scale}"));
}

/// The next of 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.
fn round_up(most: f64) -> f64 {
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].into_iter().find(|&end| most <= end).unwrap_or(1.0)
}

/// Net benefit against threshold, on the scale of the best that any threshold gives, for each accepted outcome.
pub fn decision(evaluation: &Evaluation) -> String {
    let heading =
        "Net benefit (up) against threshold (right): blue model, orange regression, grey everyone; line at nobody";
    panels(evaluation, heading, |picture, at, side, task, _| {
        let Some(curve) = task.utility.as_ref().map(|utility| utility.curve.as_slice()) else { return };
        let most = curve.iter().map(|point| point.model.max(point.treat_all)).fold(0.001, f64::max);
        let end = curve.last().map_or(1.0, |point| point.threshold);
        let (low, high) = (-0.2 * most, most);
        let place = |threshold: f64, benefit: f64| {
            (at.0 + threshold / end * side, at.1 + side - (benefit.clamp(low, high) - low) / (high - low) * side)
        };
        picture.line(at, (at.0, at.1 + side), INK, 0.8);
        picture.line(place(0.0, 0.0), place(end, 0.0), INK, 0.8);
        picture.text((at.0 - 3.0, at.1 + 8.0), 9.0, "end", &format!("{most:.3}"));
        picture.text((at.0 + side, at.1 + side + 11.0), 9.0, "end", &format!("{end}"));
        let mut draw = |colour: &str, thick: f64, of: &dyn Fn(&NetBenefit) -> Option<f64>| {
            let points: Vec<(f64, f64)> =
                curve.iter().filter_map(|point| Some(place(point.threshold, of(point)?))).collect();
            points.windows(2).for_each(|pair| picture.line(pair[0], pair[1], colour, thick));
        };
        draw(AGE_SEX, 1.0, &|point| Some(point.treat_all));
        draw(REGRESSION, 1.2, &|point| point.regression);
        draw(MODEL, 1.6, &|point| Some(point.model));
    })
}

/// Mean AUROC on altered charts with intervals; the line is where it stands on whole ones.
pub fn altered(evaluation: &Evaluation) -> String {
    let shown: Vec<(&str, Estimate, Estimate)> =
        evaluation.stressed.iter().filter_map(|one| Some((one.name.as_str(), one.auroc?, one.above_whole?))).collect();
    let (left, right, top, step) = (300.0, 30.0, 60.0, 20.0);
    let bottom = top + step * shown.len() as f64;
    let mut picture = Picture::new(FOREST_WIDTH, bottom + 50.0);
    let (low, high) = (0.5, 0.9);
    let x = |auroc: f64| left + (auroc.clamp(low, high) - low) / (high - low) * (FOREST_WIDTH - left - right);
    picture.text((20.0, 24.0), 15.0, "start", "Mean AUROC of the accepted outcomes on altered charts");
    picture.text((20.0, 42.0), 12.0, "start", "Orange line: whole charts, same rows");
    for tick in 5..=9 {
        let at = x(f64::from(tick) / 10.0);
        picture.line((at, top - 8.0), (at, bottom), GRID, 1.0);
        picture.text((at, bottom + 16.0), 11.0, "middle", &format!("{:.1}", f64::from(tick) / 10.0));
    }
    if let Some((_, auroc, above)) = shown.first() {
        let whole = x(auroc.value - above.value);
        picture.line((whole, top - 8.0), (whole, bottom), REGRESSION, 1.4);
    }
    for (place, (name, auroc, _)) in shown.iter().enumerate() {
        let y = top + step * place as f64 + 4.0;
        picture.text((left - 12.0, y + 4.0), 12.0, "end", name);
        picture.line((x(auroc.low), y), (x(auroc.high), y), MODEL, 2.0);
        picture.dot((x(auroc.value), y), 4.0, MODEL);
    }
    picture.text((20.0, bottom + 38.0), 11.0, "start", SYNTHETIC);
    picture.finish()
}
